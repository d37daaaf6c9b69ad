/** Commands besides training: inspecting images, listing devices, installing GPU libraries. */

import { SingleBar } from "cli-progress";
import { errorCode, errorMessage } from "../facts/errors.ts";
import { EXIT } from "../facts/exit-codes.ts";
import { bytes } from "../facts/format.ts";
import { reportPace } from "../facts/report-pace.ts";
import { cudaDownloadBytes, cudaState, installCuda } from "../install/cuda.ts";
import { InstallError } from "../install/download.ts";
import { installTensorflow, type TensorflowKind } from "../install/tensorflow.ts";
import type { InstallProgress } from "../install/wheels.ts";
import { describeDevices, listDevices } from "../runtime/devices.ts";
import { nvidiaGpus } from "../runtime/nvidia-gpus.ts";

/** Part of the help: the commands besides training. */
export const TOOLS_HELP = `
Other commands:
  --inspect <file or folder> [--json] [--save out.npy]
                            print how images are read; --save writes the pixels as [z, y, x, channel]
  --devices [--json]        list the devices that can train, and why others cannot
  --label_study             compare segmentation from a pretrained checkpoint and from scratch, with 1, 2, 4, … labels
  --install_gpu_runtime     install CUDA's libraries for NVIDIA GPUs (Linux)
  --install_tensorflow      install TensorFlow for --runtime tensorflow; with "gpu" after it, for NVIDIA GPUs
`;

/**
 * Runs the tool that the arguments name and returns its exit code; undefined if they name none. A tool ends with its parent process, and
 * when its output is no longer read (`| head`).
 */
export async function runTool(argv: readonly string[]): Promise<number | undefined> {
  const end = () => process.exit(EXIT.stopped);
  const unread = (error: Error) => {
    if (errorCode(error) !== "EPIPE") console.error(errorMessage(error));
    process.exit(EXIT.failed);
  };
  process.once("disconnect", end);
  process.stdout.once("error", unread);
  if (process.connected === false) end();
  const code = await toolNamed(argv);
  process.off("disconnect", end);
  // The last output of a tool may still be in the pipe.
  if (code === undefined) process.stdout.off("error", unread);
  return code;
}

async function toolNamed(argv: readonly string[]): Promise<number | undefined> {
  const json = argv.includes("--json") || argv.includes("--events");
  const [tool, detail] = argv;
  if (tool === "--devices") {
    const devices = await listDevices();
    console.log(json ? JSON.stringify(devices) : describeDevices(devices));
    return EXIT.done;
  }
  if (tool === "--label_study") return (await import("./label-study.ts")).labelStudy(argv.slice(1));
  if (argv.includes("--inspect")) return (await import("./inspect.ts")).runInspect(argv);
  if (tool === "--install_gpu_runtime") return install(json, installGpuRuntime);
  if (tool === "--install_tensorflow") {
    const kind: TensorflowKind = detail === "gpu" ? "gpu" : "cpu";
    return install(json, (progress) => installTensorflow(kind, progress));
  }
  return undefined;
}

/** Installs the libraries that the GPUs of this machine need. Throws {@link InstallError} if there are none to install. */
async function installGpuRuntime(progress: InstallProgress): Promise<string> {
  if (process.platform === "win32")
    throw new InstallError(
      "Nothing to install: WebGPU and DirectML use DirectX 12, which is part of Windows.",
    );
  if (process.platform === "darwin")
    throw new InstallError("Nothing to install: WebGPU uses Metal, which is part of macOS.");
  const [nvidia] = await nvidiaGpus();
  if (nvidia === undefined)
    throw new InstallError(
      "nvidia-smi finds no NVIDIA GPU. Other GPUs need only a Vulkan driver, which the system provides.",
    );
  const state = cudaState(nvidia.driver);
  if (!state.usable && !state.installable) throw new InstallError(`CUDA cannot be used: ${state.reason}.`);
  console.error(`Downloading CUDA's libraries (${bytes(cudaDownloadBytes())}) for ${nvidia.name}.`);
  return installCuda(progress);
}

/** Runs an installation with a progress bar, or with progress as JSON Lines for the extension. Ctrl+C ends it. */
async function install(json: boolean, task: (progress: InstallProgress) => Promise<string>): Promise<number> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  const progress = json ? jsonProgress() : barProgress();
  try {
    const folder = await task({ signal: controller.signal, report: progress.report });
    progress.end();
    console.log(json ? JSON.stringify({ event: "installed", folder }) : `Installed in ${folder}.`);
    return EXIT.done;
  } catch (error) {
    progress.end();
    if (controller.signal.aborted) return EXIT.stopped;
    const message = errorMessage(error);
    if (json) console.log(JSON.stringify({ event: "failed", message }));
    else console.error(message);
    return error instanceof InstallError ? EXIT.badInput : EXIT.failed;
  }
}

interface ProgressDisplay {
  readonly report: InstallProgress["report"];
  end(): void;
}

function barProgress(): ProgressDisplay {
  const bar = new SingleBar({
    format: "{label} {bar} {percentage}% | {eta_formatted} left",
    clearOnComplete: true,
    stream: process.stdout,
  });
  let started = false;
  return {
    report: (label, done, total) => {
      if (!started) bar.start(total, done, { label });
      started = true;
      bar.setTotal(total);
      bar.update(done, { label });
    },
    end: () => bar.stop(),
  };
}

function jsonProgress(): ProgressDisplay {
  const isDue = reportPace();
  let last = "";
  return {
    report: (label, done, total) => {
      if (!isDue() && label === last) return;
      last = label;
      console.log(JSON.stringify({ event: "progress", label, done, total }));
    },
    end: () => {},
  };
}
