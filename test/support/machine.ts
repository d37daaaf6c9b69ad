/** What tests need of the machine that runs them, installed where that may be done. */
import { type SpawnSyncOptions, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Something that the tests need cannot be had on this machine; the message says what, and why. */
export class Unavailable extends Error {}

/** What `make` makes; where that cannot be had, says which tests are skipped, and why, and ends the process without a failure. */
export function orSkip<Made>(skipped: string, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    console.log(`SKIPPED: ${skipped}; ${error.message}.`);
    process.exit(0);
  }
}

/** Before what failed is tried again: a registry may answer badly for a moment, another process hold apt's lock. */
const PAUSES_MS = [5_000, 20_000];
/** Of what a failed command said. */
const KEPT_CHARACTERS = 2000;

const APT_OPTIONS = [
  "-qq",
  "-o=DPkg::Lock::Timeout=300",
  "-o=Acquire::Retries=3",
  // An index that could not be fetched is a failure, and no warning.
  "-o=APT::Update::Error-Mode=any",
];

/** The path of a program that the shell would find. */
export function which(command: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, command)).find((path) => existsSync(path));
}

/**
 * What `find` finds; where it finds nothing and apt may install, after these Debian packages are installed.
 *
 * @param what the name of it in a message
 * @param pausesMs before each further try
 * @throws Unavailable where there is none, with apt's words where it was asked
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
 * Runs a command that asks npm's or Python's registry; tries it again where it fails.
 *
 * @param pausesMs before each further try
 * @throws Unavailable with the command's words
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

/** Tries until there is no failure; the last one where there always is. */
function lastFailure(attempt: () => string | undefined, pausesMs: readonly number[]): string | undefined {
  let failure = attempt();
  for (const pause of pausesMs) {
    if (failure === undefined) return undefined;
    console.log(`Once more, since ${failure}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
    failure = attempt();
  }
  return failure;
}

/** Runs a command to its end; what it said where it failed. */
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
