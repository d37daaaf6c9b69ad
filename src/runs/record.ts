/**
 * The record of a run that was started from the editor: a folder beside its results, which any window can read during and after the run.
 * After the start only the supervisor writes it (`supervisor.ts`).
 *
 * The folder may be shared, so a record is used only if it fits its schema and its place.
 */

import { basename, dirname, join } from "node:path";
import * as v from "valibot";
import { DamagedFileError, readJson } from "../facts/files/regular-file.ts";
import { replaceFile } from "../facts/files/write-file.ts";
import { addressSchema } from "../facts/lock/address.ts";
import { runLock } from "../facts/lock/run-lock.ts";
import { resultTree } from "../facts/result-tree.ts";

const wholeNumber = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const path = v.pipe(v.string(), v.nonEmpty("it is empty"));
/** Milliseconds since the epoch. */
const time = v.pipe(v.number(), v.finite());
const words = { command: v.string(), args: v.pipe(v.array(v.string()), v.readonly()) };
const program = v.pipe(v.object(words), v.readonly());

/** A program and its arguments; never a line for a shell. */
export type Program = v.InferOutput<typeof program>;

const runCommand = v.pipe(
  v.object({
    ...words,
    cwd: v.string(),
    /** Added to the environment. */
    env: v.optional(v.pipe(v.record(v.string(), v.string()), v.readonly())),
    /** How the process reports: our events as JSON Lines on standard output, or what BiaPy prints. */
    output: v.picklist(["events", "biapy"]),
    /** Asks it to stop, where an interrupt does not reach its processes (a container). */
    stop: v.optional(program),
    /** Ends it at once, where ending its processes is not enough (a container). */
    kill: v.optional(program),
  }),
  v.readonly(),
);
export type RunCommand = v.InferOutput<typeof runCommand>;
export type OutputFormat = RunCommand["output"];

/** Where a run's results go. */
export interface RunPlace {
  /** Absolute. */
  readonly resultDirectory: string;
  readonly name: string;
  readonly runId: number;
}

const runOrder = v.pipe(
  v.object({
    /** Absolute. */
    resultDirectory: path,
    /** Part of file names: nothing that could lead out of the result folder. */
    name: v.pipe(v.string(), v.regex(/^\w{1,200}$/, 'a name has letters, digits and "_" only')),
    runId: wholeNumber,
    /** Absolute. */
    configFile: path,
    /** Whether the run resumes from its last checkpoint. */
    resume: v.boolean(),
    /** As BiaPy's `--gpu` takes it; empty for the default device. */
    gpu: v.pipe(v.string(), v.regex(/^[\w:,. ]*$/, "it names no GPUs")),
    /** What the configuration's relative paths are relative to. */
    workingDirectory: path,
  }),
  v.readonly(),
);
/** A request to train. */
export type RunOrder = v.InferOutput<typeof runOrder>;

const runEnd = v.pipe(
  v.object({
    time,
    status: v.picklist(["finished", "stopped", "failed"]),
    /** What went wrong, in words, when `failed`. */
    message: v.optional(v.string()),
  }),
  v.readonly(),
);

export const recordSchema = v.pipe(
  v.object({
    order: runOrder,
    engine: v.pipe(v.string(), v.regex(/^[\w-]+$/, "it names no engine")),
    /** The devices that it waits for and holds, see `queue.ts`; absent: it waits for nothing. */
    device: v.optional(v.string()),
    /** Folder of the tickets of runs that wait or run; see `queue.ts`. */
    queue: v.string(),
    command: runCommand,
    /** Whether a debugger is attached, which may end the trainer when it is asked to stop. */
    debugged: v.optional(v.boolean()),
    /** Seconds between the request to stop and the end by force. */
    stopSeconds: v.pipe(v.number(), v.finite(), v.minValue(0)),
    /** When it was ordered. */
    created: time,
    /** Where its supervisor listens: a socket's path, or a pipe's name on Windows. */
    address: addressSchema,
    /** The supervisor's process. */
    supervisor: v.optional(wholeNumber),
    /** When training began; absent while it waits. */
    started: v.optional(time),
    /** The trainer's process. */
    pid: v.optional(wholeNumber),
    ended: v.optional(runEnd),
  }),
  v.readonly(),
);
export type RunRecord = v.InferOutput<typeof recordSchema>;

export interface RecordFiles {
  readonly folder: string;
  readonly record: string;
  /** Run events as JSON Lines. */
  readonly events: string;
  /** What the trainer printed, unchanged. */
  readonly log: string;
  /** Exists while somebody starts or supervises the run. */
  readonly lock: string;
  /** Space on the disk that is kept for the run's end. */
  readonly reserve: string;
}

/** Returns the files of a record in its folder. */
export function recordFiles(folder: string): RecordFiles {
  return {
    folder,
    record: join(folder, "run.json"),
    events: join(folder, "events.jsonl"),
    log: join(folder, "output.log"),
    lock: runLock(folder),
    reserve: join(folder, "reserve"),
  };
}

/** Returns the files of a run's record. */
export function recordFilesOf({ resultDirectory, name, runId }: RunPlace): RecordFiles {
  return recordFiles(resultTree(resultDirectory, name, runId).recordFolder);
}

/** The run's directory, which identifies the run. */
export function runIdentity({ resultDirectory, name, runId }: RunPlace): string {
  return resultTree(resultDirectory, name, runId).runDirectory;
}

/**
 * Reads a run's record. Returns undefined if there is none.
 *
 * Throws `DamagedFileError` if it is not a record, or that of another run than its folder says.
 */
export async function readRecord({ folder, record }: RecordFiles): Promise<RunRecord | undefined> {
  const found = await readJson(record, recordSchema);
  if (found === undefined) return undefined;
  const { name, runId } = found.order;
  // <result_dir>/<name>/.biapy-studio/<name>_<run>
  if (basename(folder) !== `${name}_${runId}` || basename(dirname(dirname(folder))) !== name)
    throw new DamagedFileError(`belongs to ${name}, run ${runId}, not to the run of its folder`);
  return found;
}

/** Replaces a run's record as a whole. Its folder must exist: one that was deleted stays so. Throws `ResultError`. */
export async function writeRecord({ record: path }: RecordFiles, record: RunRecord): Promise<void> {
  await replaceFile(path, `${JSON.stringify(record, null, 2)}\n`);
}
