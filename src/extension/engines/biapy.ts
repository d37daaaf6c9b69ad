/** BiaPy itself, in a Python environment of this machine. */

import { delimiter, dirname } from "node:path";
import { gpuNumbers, type Machines, occupiedDevices, pythonCommand } from "../../engines/biapy-command.ts";
import { pipInstall } from "../../engines/pip.ts";
import {
  environmentWithBiapy,
  gpuProblem,
  type PythonEnvironment,
  type SearchPlaces,
  torchDevices,
} from "../../engines/python-environments.ts";
import { resumable, runConfiguration } from "../../engines/run-configuration.ts";
import { BIAPY_VERSION } from "../../facts/biapy-version.ts";
import { ENGINE_LABELS } from "../../facts/engine-labels.ts";
import { isAtLeast } from "../../facts/versions.ts";
import type { RunCommand, RunOrder } from "../../runs/record.ts";
import { commandLink } from "../workspace/command-link.ts";
import { type Engine, PYTHON_SESSION } from "./engine.ts";

/** The settings that the engine reads. */
export interface BiapySettings {
  /** Where to search for Python: the user's choice first. */
  places(): Promise<SearchPlaces>;
  /** The machines that train together; absent for this one only. */
  machines(): Machines | undefined;
}

/** The first version with samples during training (TRAIN.SAVE_TRAIN_PREDS_FREQ). */
const SHOWS_SAMPLES = "3.7";

/** Returns the engine that runs BiaPy in a Python environment. */
export function biapyEngine(settings: BiapySettings): Engine {
  const environment = async (): Promise<PythonEnvironment> => {
    const found = await environmentWithBiapy(await settings.places());
    if (found === undefined) throw new Error(`${MISSING.reason} ${MISSING.fix}`);
    return found;
  };
  const prepared = async (order: RunOrder) => {
    const where = await environment();
    const gpus = gpuNumbers(order.gpu);
    const devices = gpus.length > 0 ? await torchDevices(where.python) : undefined;
    const problem = devices && gpuProblem(gpus, devices);
    if (problem !== undefined) throw new Error(problem);
    const configFile = await runConfiguration(order, isAtLeast(where.biapy ?? "", SHOWS_SAMPLES));
    return { where, job: { ...order, configFile } };
  };
  const runCommand = (args: readonly string[], where: PythonEnvironment, order: RunOrder): RunCommand => ({
    command: where.python,
    args,
    cwd: order.workingDirectory,
    env: environmentVariables(where),
    output: "biapy",
  });
  return {
    id: "biapy",
    label: ENGINE_LABELS.biapy,
    description: `runs BiaPy (tested with ${BIAPY_VERSION}) from your environment, on GPUs too`,
    async detect() {
      const found = await environmentWithBiapy(await settings.places());
      if (found === undefined) return { available: false, ...MISSING };
      const { biapy, python, version, torch } = found;
      const tested = biapy === undefined || biapy === BIAPY_VERSION ? "" : ` (tested with ${BIAPY_VERSION})`;
      const detail = `BiaPy ${biapy}${tested}, Python ${version}, PyTorch ${torch ?? "missing"}: ${python}`;
      return { available: true, detail };
    },
    device: ({ gpu }) => occupiedDevices(gpu),
    async command(order) {
      const { where, job } = await prepared(order);
      return runCommand(pythonCommand(where, job, settings.machines()).args, where, order);
    },
    canResume: (order) => resumable(order) !== undefined,
    async debugRequirement() {
      const { python, debugpy } = await environment();
      if (debugpy !== undefined) return undefined;
      const missing = `Debugging BiaPy needs the package debugpy, which ${python} lacks.`;
      return { name: "debugpy", missing, install: pipInstall(python, ["debugpy"]) };
    },
    async debug(order, port) {
      const { where, job } = await prepared(order);
      // Python options such as -u precede the script.
      const [, ...program] = pythonCommand(where, job, settings.machines()).args;
      const listen = ["-m", "debugpy", "--listen", `127.0.0.1:${port}`, "--wait-for-client"];
      const command = runCommand(["-u", "-Xfrozen_modules=off", ...listen, ...program], where, order);
      return {
        ...command,
        env: { ...command.env, ...ownCode(where, order), ...WITHOUT_WARNING },
        session: {
          type: PYTHON_SESSION,
          request: "attach",
          connect: { host: "127.0.0.1", port },
          justMyCode: false,
        },
      };
    },
  };
}

const MISSING = {
  reason: "No Python environment with BiaPy was found.",
  fix: "Run BiaPy: Create Python Environment…, or select an interpreter that has BiaPy (setting biapy.python.path, or the Python extension).",
  remedy: commandLink("biapy.createPythonEnvironment", "Create Python Environment…"),
};

/** Marks BiaPy, which debugpy would treat as a library, and the user's own files as code to show in the call stack. */
function ownCode({ biapyFolder }: PythonEnvironment, order: RunOrder): Record<string, string> {
  const folders = [biapyFolder, order.workingDirectory].filter((folder) => folder !== undefined);
  return { IDE_PROJECT_ROOTS: folders.join(delimiter) };
}

/** Silences debugpy's long warning in each process that Python's frozen modules have no source. */
const WITHOUT_WARNING = { PYDEVD_DISABLE_FILE_VALIDATION: "1" };

/** The variables that activating the environment would set, as far as BiaPy and its libraries use them. */
function environmentVariables({ scripts }: PythonEnvironment): Record<string, string> {
  return {
    PATH: `${scripts}${delimiter}${process.env.PATH ?? ""}`,
    VIRTUAL_ENV: dirname(scripts),
    PYTHONUNBUFFERED: "1",
    PYTHONUTF8: "1",
    // Charts are drawn into files.
    MPLBACKEND: "Agg",
  };
}
