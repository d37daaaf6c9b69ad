/** Finds what tests need on the machine that runs them, and installs it where that is allowed. */
import { type SpawnSyncOptions, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Something that the tests need is not available on this machine. The message says what, and why. */
export class Unavailable extends Error {}

/** Returns what `make` returns. If it throws {@link Unavailable}, prints which tests are skipped and why, and ends the process without a failure. */
export function orSkip<Made>(skipped: string, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    console.log(`SKIPPED: ${skipped}; ${error.message}.`);
    process.exit(0);
  }
}

/** Pauses before retries: a registry may fail for a moment, or another process hold apt's lock. */
const PAUSES_MS = [5_000, 20_000];
/** Limit on the quoted output of a failed command. */
const KEPT_CHARACTERS = 2000;

const APT_OPTIONS = [
  "-qq",
  "-o=DPkg::Lock::Timeout=300",
  "-o=Acquire::Retries=3",
  // An index that cannot be fetched is a failure, not a warning.
  "-o=APT::Update::Error-Mode=any",
];

/** Returns the path of a program on the PATH; undefined if there is none. */
export function which(command: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, command)).find((path) => existsSync(path));
}

/**
 * Returns what `find` finds. If it finds nothing and apt may be used, installs Debian packages first.
 *
 * @param what its name in messages
 * @param pausesMs pause before each retry
 * @throws Unavailable if it is missing, with apt's output if apt failed
 */
export function installed<Found>(
  what: string,
  packages: readonly string[],
  find: () => Found | undefined,
  pausesMs: readonly number[] = PAUSES_MS,
): Found {
  const found = find();
  if (found !== undefined) return found;
  if (process.platform !== "linux" || process.getuid?.() !== 0 || which("apt-get") === undefined)
    throw new Unavailable(`there is no ${what} (apt-get install ${packages.join(" ")})`);
  console.log(`Installing ${packages.join(", ")}…`);
  const options = { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  const failure = lastFailure(() => {
    const outdated = failureOf("apt-get", [...APT_OPTIONS, "update"], options);
    const missing = failureOf(
      "apt-get",
      [...APT_OPTIONS, "install", "-y", "--no-install-recommends", ...packages],
      options,
    );
    return missing && [outdated, missing].filter(Boolean).join("\n");
  }, pausesMs);
  if (failure !== undefined) throw new Unavailable(`${what} could not be installed: ${failure}`);
  const now = find();
  if (now === undefined) throw new Unavailable(`${packages.join(", ")} brought no ${what}`);
  return now;
}

/**
 * Runs a command that uses npm's or Python's registry. Retries it if it fails.
 *
 * @param pausesMs pause before each retry
 * @throws Unavailable with the command's output
 */
export function askRegistry(
  command: string,
  args: readonly string[],
  options: SpawnSyncOptions = {},
  pausesMs: readonly number[] = PAUSES_MS,
): void {
  const failure = lastFailure(() => failureOf(command, args, options), pausesMs);
  if (failure !== undefined) throw new Unavailable(failure);
}

/** Repeats an attempt until it does not fail. Returns the last failure; undefined if one attempt succeeds. */
function lastFailure(attempt: () => string | undefined, pausesMs: readonly number[]): string | undefined {
  let failure = attempt();
  for (const pause of pausesMs) {
    if (failure === undefined) return undefined;
    console.log(`Trying again: ${failure}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
    failure = attempt();
  }
  return failure;
}

/** Runs a command until it ends. Returns its error output if it fails. */
export function failureOf(
  command: string,
  args: readonly string[],
  options: SpawnSyncOptions = {},
): string | undefined {
  const { status, signal, error, stderr } = spawnSync(command, args, {
    ...options,
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (status === 0) return undefined;
  const said =
    error?.message ?? (stderr.trim().slice(-KEPT_CHARACTERS) || `it ended with ${signal ?? status}`);
  return `${command} ${args.filter((each) => !each.startsWith("-")).join(" ")} failed: ${said}`;
}
