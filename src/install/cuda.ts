/** CUDA for NVIDIA GPUs on Linux: onnxruntime with its CUDA provider, and the NVIDIA libraries that it needs. */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { bytes } from "../facts/format.ts";
import { installFolder, isInstalled } from "./installed-folder.ts";
import { storageFolder } from "./storage.ts";
import wheels from "./wheels.json" with { type: "json" };
import { bytesOf, type InstallProgress, installWheels } from "./wheels.ts";

/** The installed versions. They name the folder, so that versions do not mix. */
const VERSION = "onnxruntime-1.30.0-cuda-13.0";
/** The oldest driver that CUDA 13 runs on (NVIDIA's CUDA Toolkit release notes, table of minimum drivers). */
const OLDEST_DRIVER = 580;

const cudaFolder = () => join(storageFolder(), VERSION);
/** Returns the size of the download. */
export const cudaDownloadBytes = () => bytesOf(wheels.cuda);

/** Whether CUDA can be used; if not, why, and whether its libraries can be installed. */
export type CudaState =
  | { readonly usable: true }
  | { readonly usable: false; readonly reason: string; readonly installable: boolean };

/** Returns whether CUDA can be used with a driver of this version (`580.65.06`). */
export function cudaState(driver: string): CudaState {
  if (process.platform !== "linux" || process.arch !== "x64")
    return {
      usable: false,
      installable: false,
      reason: "it is offered on 64-bit Linux for Intel and AMD only",
    };
  const old = driverProblem(driver);
  if (old !== undefined) return { usable: false, installable: false, reason: old };
  if (isInstalled(cudaFolder())) return { usable: true };
  const size = bytes(cudaDownloadBytes());
  const reason = `its libraries are not installed; the command BiaPy: Install GPU Runtime, or biapy --install_gpu_runtime, fetches them (${size})`;
  return { usable: false, installable: true, reason };
}

/** Returns why a driver of this version cannot be used; undefined if it can. */
export function driverProblem(driver: string): string | undefined {
  const major = Number.parseInt(driver, 10);
  if (major >= OLDEST_DRIVER) return undefined;
  return `NVIDIA's driver ${driver || "(of unknown version)"} is too old for CUDA 13: ${OLDEST_DRIVER} or later is needed`;
}

/** Downloads and unpacks the libraries. If it is interrupted or fails, it leaves no files behind. Returns the folder. */
export async function installCuda(progress: InstallProgress): Promise<string> {
  return installFolder(cudaFolder(), VERSION, (temporary) =>
    installWheels(wheels.cuda, temporary, libraryPlace, progress),
  );
}

/** Returns the file name of a shared library in the installation; undefined for other files and TensorRT. */
function libraryPlace(name: string): string | undefined {
  const file = /(?:^nvidia\/.*\/lib|^onnxruntime\/capi)\/(lib[^/]+\.so[^/]*)$/.exec(name)?.[1];
  return file === undefined || file.includes("tensorrt") || file.includes(".alt.") ? undefined : file;
}

/** Returns NVIDIA's libraries, each after those that it depends on, and onnxruntime. */
export function cudaLibraries(): { readonly needed: string[]; readonly onnxruntime: string } {
  const files = readdirSync(cudaFolder()).filter((name) => name.includes(".so"));
  const order = ["libcudart", "libcublasLt", "libcublas.", "libcurand", "libnvrtc.", "libcudnn.so"];
  const rank = (name: string) => order.findIndex((start) => name.startsWith(start));
  const needed = files.filter((name) => rank(name) >= 0).sort((a, b) => rank(a) - rank(b));
  const onnxruntime = files.find((name) => name.startsWith("libonnxruntime.so")) ?? "libonnxruntime.so";
  const path = (name: string) => join(cudaFolder(), name);
  return { needed: needed.map(path), onnxruntime: path(onnxruntime) };
}
