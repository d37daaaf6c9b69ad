/** The Python environment with real BiaPy and PyTorch that tests use: `BIAPY_PYTHON`, or one of their own in `.python`. */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { askRegistry, failureOf, installed, Unavailable } from "../support/machine.ts";

/** In full: runs are started from folders of their own. */
const FOLDER = resolve(".python");
const READY = join(FOLDER, "ready");
const PYTHON =
  process.platform === "win32" ? join(FOLDER, "Scripts", "python.exe") : join(FOLDER, "bin", "python");

/** torchvision's wheels carry operators compiled for CUDA: without their registrations it imports beside a CPU PyTorch. */
const MEND_TORCHVISION = `
import importlib.util, pathlib
root = pathlib.Path(importlib.util.find_spec("torchvision").origin).parent
(root / "_meta_registrations.py").write_text("")
`;

/** The environment's interpreter, where there is one already. */
export function biapyPython(): string | undefined {
  return process.env.BIAPY_PYTHON || (existsSync(READY) ? PYTHON : undefined);
}

/** The environment's interpreter; made where there is none (some minutes). Throws {@link Unavailable}. */
export function makeBiapyPython(): string {
  const found = biapyPython();
  if (found !== undefined) return found;
  rmSync(FOLDER, { recursive: true, force: true });
  const base = basePython();
  console.log("Making a Python environment with BiaPy 3.7.1 and PyTorch (a few minutes)…");
  run(base, "-m", "venv", FOLDER);
  install("torch==2.13.0");
  install("--no-deps", "torchvision==0.28.*");
  install("biapy==3.7.1", "tifffile", "tensorboard", "onnx");
  // bioimageio.spec 0.5.7 cannot write its descriptions with pydantic 2.13 and later.
  install("bioimageio.core>=0.9.6", "onnxruntime", "pydantic==2.12.*");
  // Judges of image files.
  install("zarr", "h5py", "hdf5plugin", "imagecodecs", "nibabel", "imageio", "pillow");
  run(PYTHON, "-c", MEND_TORCHVISION);
  run(PYTHON, "-c", "import biapy, torch, tifffile");
  writeFileSync(READY, "");
  return PYTHON;
}

function run(command: string, ...args: readonly string[]): void {
  const failure = failureOf(command, args);
  if (failure !== undefined) throw new Unavailable(failure);
}

function install(...packages: readonly string[]): void {
  askRegistry(PYTHON, ["-m", "pip", "install", "-q", ...packages]);
}

/** A Python that makes environments; on a Debian machine without one, its packages are installed. */
function basePython(): string {
  const check = ["-c", "import sys, venv, ensurepip; assert sys.version_info >= (3, 11)"];
  const works = (name: string) => spawnSync(name, check, { stdio: "ignore" }).status === 0;
  return installed("Python 3.11 or later with venv", ["python3", "python3-venv"], () =>
    ["python3.11", "python3", "python"].find(works),
  );
}
