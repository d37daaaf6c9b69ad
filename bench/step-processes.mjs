/** Processes that time steps: one of the embedded engine, one of PyTorch. BIAPY_PYTHON names a Python with biapy 3.7.1 and torch 2.13. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { bundleFile } from "./bundle-file.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Bundles a TypeScript program of this folder. Returns the command that runs it. */
export async function bundled(name) {
  const outfile = here(`../.test-output/${name}.mjs`);
  await bundleFile(here(`${name}.ts`), outfile);
  return [process.execPath, outfile];
}

/** The command that times PyTorch. */
export const PYTORCH = [process.env.BIAPY_PYTHON ?? "python3", here("steps_pytorch.py")];

/** Returns a process's measurements. If it fails, returns the last line of its errors. */
export function measure([command, script], argument) {
  const { stdout, stderr, status, signal } = spawnSync(command, [script, argument], { encoding: "utf8" });
  if (status !== 0) return { failed: `${signal ?? stderr.trim().split("\n").at(-1)}` };
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
