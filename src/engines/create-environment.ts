/** Creates a Python environment with BiaPy, on request. */

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { BIAPY_VERSION } from "../facts/biapy-version.ts";
import { isAtLeast } from "../facts/versions.ts";
import { PipError, pipInstall, runPip } from "./pip.ts";
import { interpreterIn, type PythonEnvironment, probe } from "./python-environments.ts";

export interface CreationProgress {
  /** From 0 to 1. */
  readonly done: number;
  /** The current step. */
  readonly label: string;
}

export interface CreationRequest {
  /** A Python of version 3.11 or later that creates the environment. */
  readonly python: string;
  /** Must not exist. */
  readonly folder: string;
  readonly progress: (progress: CreationProgress) => void;
  readonly signal: AbortSignal;
  /** Packages to install, in this order; for tests. */
  readonly packages?: readonly (readonly string[])[];
}

/** An environment could not be created. The message says why and what to do. */
export class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
}

/** The oldest version of Python that BiaPy supports. */
export const OLDEST_PYTHON = "3.11";
/** PyTorch is installed first: it is most of the download, and it then satisfies BiaPy's requirements. */
const PACKAGES = [["torch>=2.9,<3"], [`biapy==${BIAPY_VERSION}`]];

/** Whether BiaPy supports a Python's version. */
export const newEnough = ({ version }: Pick<PythonEnvironment, "version">): boolean =>
  isAtLeast(version, OLDEST_PYTHON);

/**
 * Creates the environment. If it is canceled or fails, nothing is left behind.
 *
 * Throws `EnvironmentError`.
 */
export async function createEnvironment(request: CreationRequest): Promise<PythonEnvironment> {
  const { python, folder, progress, packages = PACKAGES } = request;
  const base = await probe({ python, origin: "path" });
  if (base === undefined) throw new EnvironmentError(`${python} does not run. Choose another Python.`);
  if (!newEnough(base))
    throw new EnvironmentError(
      `BiaPy ${BIAPY_VERSION} needs Python ${OLDEST_PYTHON} or later; ${python} is ${base.version}.`,
    );
  if (existsSync(folder))
    throw new EnvironmentError(`${folder} exists already. Choose another place, or delete it.`);
  try {
    progress({ done: 0, label: "Making the environment" });
    await runPip({ command: python, args: ["-m", "venv", folder] }, request);
    const own = interpreterIn(folder);
    if (own === undefined) throw new EnvironmentError(`${folder} has no Python after it was created.`);
    for (const [index, names] of packages.entries()) {
      const from = (index + 0.5) / (packages.length + 1);
      progress({ done: from, label: `Installing ${names.join(" ")}` });
      const shown = (line: string) => progress({ done: from, label: line });
      await runPip(pipInstall(own, names), { signal: request.signal, shown });
    }
    const made = await probe({ python: own, origin: "created" });
    if (made === undefined) throw new EnvironmentError(`The new Python in ${folder} does not run.`);
    progress({ done: 1, label: "Done" });
    return made;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    if (!(error instanceof PipError)) throw error;
    throw new EnvironmentError(`${error.message} Nothing is left of the environment.`);
  }
}
