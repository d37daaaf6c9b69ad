/** The command lines that start BiaPy, alone or once a GPU (PyTorch's `torch.distributed.run`). */
import { join, win32 } from "node:path";
import type { Program } from "../runs/record.ts";
import { gpuList, jobNameArgument, machineAddress, wholeNumber } from "./arguments.ts";

/** The BiaPy that this project was tested with. */
export const testedVersion = "3.7.1";

/** What BiaPy is to do. */
export interface BiapyJob {
  readonly configFile: string;
  readonly resultDirectory: string;
  readonly name: string;
  readonly runId: number;
  /** As BiaPy's `--gpu` takes it: `0`, `0,1`, `mps`; empty for none. */
  readonly gpu: string;
}

/** Several machines that train one model together. Each of them starts the same command with its own `rank`. */
export interface Machines {
  readonly count: number;
  /** This machine's number, from 0. */
  readonly rank: number;
  /** Name or address of machine 0, as the others reach it. */
  readonly address: string;
  readonly port: number;
}

/** The Python that runs BiaPy, and the folder of its commands. */
export interface BiapyPython {
  readonly python: string;
  readonly scripts: string;
}

/** The GPUs that `--gpu` names; none for `cpu`. */
export function gpuNumbers(gpu: string): string[] {
  return [...new Set(gpu.split(",").map((part) => part.trim()))].filter((part) => !/^(cpu)?$/i.test(part));
}

/**
 * BiaPy's own arguments. The short forms that its documentation of the container shows (`-cfg -rdir -name -rid -gpu`) are
 * refused by BiaPy 3.7.1; it understands these long ones, and so does every earlier version.
 */
export function biapyArguments({ configFile, resultDirectory, name, runId, gpu }: BiapyJob): string[] {
  return [
    ...["--config", configFile],
    ...["--result_dir", resultDirectory],
    ...["--name", jobNameArgument(name)],
    ...["--run_id", String(wholeNumber(runId, "The run"))],
    ...["--gpu", gpuList(gpuNumbers(gpu).join(","))],
  ];
}

/** What Python is to run: BiaPy's command, or on Windows, where that is no Python file, what the command does. */
function entry({ scripts }: BiapyPython, platform: NodeJS.Platform): string[] {
  return platform === "win32" ? ["-c", "import biapy; biapy.main()"] : [join(scripts, "biapy")];
}

/**
 * BiaPy in a Python environment: one process, or with several GPUs or machines one a GPU.
 *
 * @param platform whose command line it is
 */
export function pythonCommand(
  where: BiapyPython,
  job: BiapyJob,
  machines?: Machines,
  platform = process.platform,
): Program {
  const processes = gpuNumbers(job.gpu).length;
  if (processes > 1 || machines !== undefined)
    return {
      command: where.python,
      args: distributedArguments(where, job, Math.max(processes, 1), machines, platform),
    };
  return { command: where.python, args: ["-u", ...entry(where, platform), ...biapyArguments(job)] };
}

function distributedArguments(
  where: BiapyPython,
  job: BiapyJob,
  processes: number,
  machines: Machines | undefined,
  platform: NodeJS.Platform,
): string[] {
  const together =
    machines === undefined
      ? // Without an address of its own, two runs on one machine would meet at the same port.
        ["--standalone"]
      : [
          `--nnodes=${wholeNumber(machines.count, "biapy.distributed.machines")}`,
          `--node_rank=${wholeNumber(machines.rank, "biapy.distributed.rank")}`,
          `--master_addr=${machineAddress(machines.address)}`,
          `--master_port=${wholeNumber(machines.port, "biapy.distributed.port")}`,
        ];
  const own = entry(where, platform);
  const program = own[0] === "-c" ? ["--no-python", where.python, "-u", ...own] : own;
  return [
    ...["-u", "-m", "torch.distributed.run", ...together, `--nproc_per_node=${processes}`],
    ...program,
    ...biapyArguments(job),
  ];
}

/** Whether a path is one of Windows. */
export function isWindowsPath(path: string): boolean {
  return /^[A-Za-z]:[\\/]/.test(path) && win32.isAbsolute(path);
}
