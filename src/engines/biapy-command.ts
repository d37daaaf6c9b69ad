/** The command lines that start BiaPy: one process, or one per GPU (PyTorch's `torch.distributed.run`). */

import { join, win32 } from "node:path";
import { runArguments } from "../facts/run-arguments.ts";
import type { Program } from "../runs/record.ts";
import { gpuList, jobNameArgument, machineAddress, wholeNumber } from "./arguments.ts";

/** A training for BiaPy. */
export interface BiapyJob {
  readonly configFile: string;
  readonly resultDirectory: string;
  readonly name: string;
  readonly runId: number;
  /** The value of BiaPy's `--gpu`: `0`, `0,1`, `mps`; empty for none. */
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

/** Returns the GPUs that `--gpu` names; none for `cpu`. */
export function gpuNumbers(gpu: string): string[] {
  return [...new Set(gpu.split(",").map((part) => part.trim()))].filter((part) => !/^(cpu)?$/i.test(part));
}

/** Returns the devices that `--gpu` occupies, as the queue names them: `cpu` or `gpu:0,1`. */
export function occupiedDevices(gpu: string): string {
  const numbers = gpuNumbers(gpu);
  return numbers.length === 0 ? "cpu" : `gpu:${numbers.join(",")}`;
}

/**
 * Returns BiaPy's own arguments. BiaPy 3.7.1 refuses the short forms in the documentation of its container (`-cfg -rdir -name -rid
 * -gpu`). It and all earlier versions accept these long ones.
 */
export function biapyArguments({ configFile, resultDirectory, name, runId, gpu }: BiapyJob): string[] {
  const names = {
    configFile,
    resultDirectory,
    name: jobNameArgument(name),
    runId: wholeNumber(runId, "The run"),
  };
  return [...runArguments(names), "--gpu", gpuList(gpuNumbers(gpu).join(","))];
}

/** Returns what Python runs: BiaPy's command, or its content on Windows, where the command is no Python file. */
function entry({ scripts }: BiapyPython, platform: NodeJS.Platform): string[] {
  return platform === "win32" ? ["-c", "import biapy; biapy.main()"] : [join(scripts, "biapy")];
}

/**
 * Returns the command for BiaPy in a Python environment: one process, or one per GPU with several GPUs or machines.
 *
 * @param platform the system that runs the command
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
      ? // Without --standalone, two runs on one machine would use the same port.
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

/** Whether a path is a Windows path. */
export function isWindowsPath(path: string): boolean {
  return /^[A-Za-z]:[\\/]/.test(path) && win32.isAbsolute(path);
}
