/**
 * Values that become a part of a command line or a script. Each is checked where it is used: a name that begins with `-` would be
 * an option, and one with a line break would add a line to a script.
 */
import * as v from "valibot";

/** A value cannot be part of a command. The message names it and says what it must be. */
export class ArgumentError extends Error {
  override readonly name = "ArgumentError";
}

/** An image reference of Docker, `[registry[:port]/]name[:tag][@digest]`. (Its grammar: distribution/reference.) */
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const REGISTRY = "[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\\d{1,5})?/";
const IMAGE = new RegExp(
  `^(?:${REGISTRY})?${COMPONENT}(?:/${COMPONENT})*(?::\\w[\\w.-]{0,127})?(?:@sha256:[a-f0-9]{64})?$`,
);

/** Returns a function that returns valid values, and throws `ArgumentError` for others. */
function checked(pattern: RegExp, expected: string): (value: string) => string {
  const schema = v.pipe(v.string(), v.maxLength(500), v.regex(pattern));
  return (value) => {
    if (v.is(schema, value)) return value;
    throw new ArgumentError(`${expected}, not ${JSON.stringify(value)}.`);
  };
}

/** Checks the setting `biapy.docker.image`. */
export const imageName = checked(
  IMAGE,
  "The setting biapy.docker.image must be an image name such as biapyx/biapy:latest-11.8",
);
/** Checks the name of a job. */
export const jobNameArgument = checked(/^\w+$/, 'The name of a job must have letters, digits and "_" only');
/** Checks GPUs as BiaPy's `--gpu` takes them: `0,1`, `mps`, or nothing. */
export const gpuList = checked(
  /^(?:\w[\w:]*(?:,\w[\w:]*)*)?$/,
  'The setting biapy.run.gpu must be GPU numbers such as 0 or 0,1, "cpu", or empty',
);
/** Checks the name or path of a conda environment. */
export const condaEnvironment = checked(
  /^[\w/~.][^\r\n\0]*$/,
  "A conda environment must be a name or a path",
);
/** Checks the host name or IP address of a machine. */
export const machineAddress = checked(
  /^(?:[a-zA-Z0-9](?:[\w.-]*[a-zA-Z0-9])?|\[?[0-9a-fA-F:.]+\]?)$/,
  "The setting biapy.distributed.address must be a host name or an IP address",
);
/** Checks the time limit of a SLURM job. */
export const timeLimit = checked(
  /^(?:\d+-)?\d+(?::\d+){0,2}$/,
  "A time limit must be written as hours:minutes:seconds, such as 24:00:00",
);
/** Checks a partition of a SLURM cluster. */
export const partitionName = checked(/^\w[\w,.-]*$/, "A partition must be a name");

/** Checks a number. */
export function wholeNumber(value: number, what: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new ArgumentError(`${what} must be a whole number, not ${value}.`);
}
