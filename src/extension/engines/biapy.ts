/** BiaPy itself, in a Python environment of this machine. */
import { dirname } from "node:path";
import { gpuNumbers, type Machines, pythonCommand, testedVersion } from "../../engines/biapy-command.ts";
import { untested } from "../../engines/biapy-output.ts";
import {
  environmentWithBiapy,
  gpuProblem,
  type PythonEnvironment,
  type SearchPlaces,
  torchDevices,
} from "../../engines/python-environments.ts";
import { resumable, runConfiguration } from "../../engines/run-configuration.ts";
import type { RunCommand, RunOrder } from "../../runs/record.ts";
import type { Engine } from "./engine.ts";

export interface BiapySettings {
  /** Where to look for Python, what a person chose first. */
  places(): Promise<SearchPlaces>;
  /** The machines that train together; absent where there is this one only. */
  machines(): Machines | undefined;
}

/** The first version that shows samples while it trains (TRAIN.SAVE_TRAIN_PREDS_FREQ). */
const SHOWS_SAMPLES = [3, 7] as const;

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
    const configFile = await runConfiguration(order, showsSamples(where));
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
    label: "BiaPy in Python",
    description: `runs BiaPy (tested with ${testedVersion}) from an environment of yours, on one or several GPUs`,
    async detect() {
      const found = await environmentWithBiapy(await settings.places());
      if (found === undefined) return { available: false, ...MISSING };
      const { biapy, python, version, torch } = found;
      const warning = biapy === undefined || biapy === testedVersion ? "" : `. ${untested(biapy)}`;
      const detail = `BiaPy ${biapy}, Python ${version}, PyTorch ${torch ?? "missing"}: ${python}${warning}`;
      return { available: true, detail };
    },
    device: ({ gpu }) => (gpuNumbers(gpu).length === 0 ? "cpu" : `gpu:${gpuNumbers(gpu).join(",")}`),
    async command(order) {
      const { where, job } = await prepared(order);
      return runCommand(pythonCommand(where, job, settings.machines()).args, where, order);
    },
    canResume: (order) => resumable(order) !== undefined,
    async debug(order, port) {
      const { where, job } = await prepared(order);
      // What Python runs follows its own option -u.
      const [, ...program] = pythonCommand(where, { ...job, gpu: gpuNumbers(job.gpu)[0] ?? "" }).args;
      const listen = ["-u", "-m", "debugpy", "--listen", `127.0.0.1:${port}`, "--wait-for-client"];
      return {
        ...runCommand([...listen, ...program], where, order),
        session: {
          type: "debugpy",
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
  fix: "BiaPy: Create Python Environment… makes one; or select an interpreter that has BiaPy (setting biapy.python.path, or the Python extension).",
};

function showsSamples({ biapy }: PythonEnvironment): boolean {
  const [major = 0, minor = 0] = (biapy ?? "").split(".").map(Number);
  return major > SHOWS_SAMPLES[0] || (major === SHOWS_SAMPLES[0] && minor >= SHOWS_SAMPLES[1]);
}

/** What the environment's activation would set, as far as BiaPy and the libraries below it look at it. */
function environmentVariables({ scripts }: PythonEnvironment): Record<string, string> {
  const separator = process.platform === "win32" ? ";" : ":";
  return {
    PATH: `${scripts}${separator}${process.env.PATH ?? ""}`,
    VIRTUAL_ENV: dirname(scripts),
    PYTHONUNBUFFERED: "1",
    PYTHONUTF8: "1",
    // Charts are drawn to files.
    MPLBACKEND: "Agg",
  };
}
