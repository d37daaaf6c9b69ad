/** Makes a Python environment with BiaPy in it, on request. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { testedVersion } from "./biapy-command.ts";
import { capture } from "./capture.ts";
import { interpreterIn, type PythonEnvironment, probe } from "./python-environments.ts";

export interface CreationProgress {
  /** From 0 to 1. */
  readonly done: number;
  /** What happens now. */
  readonly label: string;
}

export interface CreationRequest {
  /** A Python of version 3.11 or later that makes the environment. */
  readonly python: string;
  /** Must not exist. */
  readonly folder: string;
  readonly progress: (progress: CreationProgress) => void;
  readonly signal: AbortSignal;
  /** What is installed, in turn; for tests. */
  readonly packages?: readonly (readonly string[])[];
}

/** An environment could not be made; the message says why and what to do. */
export class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
}

const OLDEST_PYTHON = [3, 11] as const;
const STEP_MS = 60 * 60_000;
/** PyTorch comes first by itself: it is most of the download, and BiaPy's requirements then find it in place. */
const PACKAGES = [["torch>=2.9,<3"], [`biapy==${testedVersion}`]];

/** Whether a Python can have BiaPy. */
export function newEnough({ version }: Pick<PythonEnvironment, "version">): boolean {
  const [major, minor] = version.split(".").map(Number);
  return major > OLDEST_PYTHON[0] || (major === OLDEST_PYTHON[0] && minor >= OLDEST_PYTHON[1]);
}

/**
 * Makes the environment. When it is cancelled or fails, nothing of it is left behind.
 *
 * Throws `EnvironmentError`.
 */
export async function createEnvironment(request: CreationRequest): Promise<PythonEnvironment> {
  const { python, folder, progress, packages = PACKAGES } = request;
  const base = await probe({ python, origin: "path" });
  if (base === undefined) throw new EnvironmentError(`${python} does not run. Choose another Python.`);
  if (!newEnough(base))
    throw new EnvironmentError(
      `BiaPy ${testedVersion} needs Python ${OLDEST_PYTHON.join(".")} or later; ${python} is ${base.version}.`,
    );
  if (existsSync(folder))
    throw new EnvironmentError(`${folder} exists already. Choose another place, or delete it.`);
  try {
    progress({ done: 0, label: "Making the environment" });
    await run(python, ["-m", "venv", folder], request);
    const own = interpreterIn(folder);
    if (own === undefined) throw new EnvironmentError(`${folder} has no Python after it was made.`);
    for (const [index, names] of packages.entries()) {
      const from = (index + 0.5) / (packages.length + 1);
      progress({ done: from, label: `Installing ${names.join(" ")}` });
      const shown = (line: string) => progress({ done: from, label: line });
      await run(own, ["-m", "pip", "install", "--progress-bar", "off", ...names], request, shown);
    }
    const made = await probe({ python: own, origin: "created" });
    if (made === undefined) throw new EnvironmentError(`The new Python in ${folder} does not run.`);
    progress({ done: 1, label: "Done" });
    return made;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Lines of pip that tell how far it is. */
const SHOWN = /^\s*(Collecting|Downloading|Installing collected packages|Building|Preparing)\b.*/;

async function run(
  command: string,
  args: readonly string[],
  { signal }: CreationRequest,
  shown: (line: string) => void = () => {},
): Promise<void> {
  const printed = (text: string) => {
    const line = text.split(/\r?\n/).findLast((each) => SHOWN.test(each));
    if (line !== undefined) shown(line.trim().slice(0, 100));
  };
  const { code, output } = await capture(command, args, { timeoutMs: STEP_MS, signal, printed });
  if (signal.aborted)
    throw new EnvironmentError("Making the environment was cancelled; nothing is left of it.");
  if (code !== 0) throw new EnvironmentError(explained(output));
}

function explained(output: string): string {
  if (/No space left on device/.test(output))
    return "The disk is full: BiaPy and PyTorch need about 8 GB. Nothing is left of the attempt.";
  if (/ensurepip is not available|No module named venv/.test(output))
    return "This Python cannot make environments. On Debian and Ubuntu: sudo apt install python3-venv.";
  if (
    /Temporary failure in name resolution|getaddrinfo failed|Failed to establish|ConnectionError/.test(output)
  )
    return "The package index cannot be reached. Check the network or the proxy settings, and try again.";
  const last = output
    .trim()
    .split("\n")
    .findLast((line) => /^ERROR:|error/i.test(line));
  return `The environment could not be made: ${last ?? output.trim().split("\n").at(-1) ?? "no reason was given"}`;
}
