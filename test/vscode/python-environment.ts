import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PLACES = `
import json, sysconfig
print(json.dumps({"packages": sysconfig.get_path("purelib"), "scripts": sysconfig.get_path("scripts")}))
`;
const BIAPY = "import sys\nfrom biapy import main\nsys.exit(main())\n";

function placesOf(python: string): { readonly packages: string; readonly scripts: string } {
  return JSON.parse(execFileSync(python, ["-c", PLACES], { encoding: "utf8" }));
}

export interface PythonEnvironment {
  readonly python: string;
  /** The folder of the other environment's packages. */
  readonly packages: string;
}

/** Makes an environment that sees the packages of another, BiaPy among them. Installing into it does not change the other. */
export function environmentUpon(python: string, folder: string): PythonEnvironment {
  execFileSync(python, ["-m", "venv", folder]);
  const own = join(folder, "bin", "python");
  const { packages } = placesOf(python);
  const { packages: ownPackages, scripts } = placesOf(own);
  writeFileSync(join(ownPackages, "upon.pth"), `${packages}\n`);
  writeFileSync(join(scripts, "biapy"), `#!${own}\n${BIAPY}`);
  chmodSync(join(scripts, "biapy"), 0o755);
  return { python: own, packages };
}

/** Lets the command that lists PyTorch's GPUs find two. */
const TWO_GPUS = `
import sys

if "get_device_name" in " ".join(sys.orig_argv):
    import torch

    torch.cuda.device_count = lambda: 2
    torch.cuda.get_device_name = lambda number: f"GPU {number}, pretended"
`;
const ON_CPU = join(import.meta.dirname, "..", "interop", "distributed-on-cpu.py");

/** Lets an environment claim two GPUs, and its BiaPy train on the CPU in two processes. */
export function pretendTwoGpus({ python }: PythonEnvironment): void {
  const { packages, scripts } = placesOf(python);
  writeFileSync(join(packages, "two_gpus.py"), TWO_GPUS);
  // Python reads such files in the order of their names: this one after the one that adds PyTorch's folder.
  writeFileSync(join(packages, "upon_two_gpus.pth"), "import two_gpus\n");
  writeFileSync(join(scripts, "biapy"), `#!${python}\n${readFileSync(ON_CPU, "utf8")}`);
}
