// Runs the tests that real BiaPy and PyTorch judge: `npm run test:biapy`. Their Python environment is made on the first
// run, in .python, or is the one that BIAPY_PYTHON names. Without either the tests are skipped, in words.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** In full: runs are started from folders of their own. */
const FOLDER = resolve(".python");
const PYTHON =
  process.platform === "win32" ? join(FOLDER, "Scripts", "python.exe") : join(FOLDER, "bin", "python");

const run = (command, args, options = {}) => spawnSync(command, args, { stdio: "inherit", ...options });
const succeeds = (command, args) => run(command, args, { stdio: "ignore" }).status === 0;

/** A Python that makes environments; on a Debian machine without one, its packages are installed. */
function basePython() {
  const works = (name) =>
    succeeds(name, ["-c", "import sys, venv, ensurepip; assert sys.version_info >= (3, 11)"]);
  const found = ["python3.11", "python3", "python"].find(works);
  if (found !== undefined || process.platform !== "linux" || process.getuid?.() !== 0) return found;
  run("apt-get", ["install", "-y", "-qq", "python3", "python3-venv"], { stdio: "ignore" });
  return ["python3"].find(works);
}

/** torchvision's wheels carry operators compiled for CUDA: without their registrations it imports beside a CPU PyTorch. */
const MEND_TORCHVISION = `
import importlib.util, pathlib
root = pathlib.Path(importlib.util.find_spec("torchvision").origin).parent
(root / "_meta_registrations.py").write_text("")
`;

/** The environment's Python, or why there is none. */
function environment() {
  if (process.env.BIAPY_PYTHON) return { python: process.env.BIAPY_PYTHON };
  const marker = join(FOLDER, "ready");
  if (existsSync(marker)) return { python: PYTHON };
  rmSync(FOLDER, { recursive: true, force: true });
  const base = basePython();
  if (base === undefined) return { reason: "there is no Python 3.11 or later with venv" };
  console.log("Making a Python environment with BiaPy 3.7.1 and PyTorch (a few minutes)…");
  const steps = [
    [base, ["-m", "venv", FOLDER]],
    [PYTHON, ["-m", "pip", "install", "-q", "torch==2.13.0"]],
    [PYTHON, ["-m", "pip", "install", "-q", "--no-deps", "torchvision==0.28.*"]],
    [PYTHON, ["-m", "pip", "install", "-q", "biapy==3.7.1", "tifffile", "tensorboard"]],
    [PYTHON, ["-c", MEND_TORCHVISION]],
    [PYTHON, ["-c", "import biapy, torch, tifffile"]],
  ];
  for (const [command, args] of steps) {
    if (run(command, args).status !== 0) return { reason: `\`${args.slice(0, 6).join(" ").trim()}\` failed` };
  }
  writeFileSync(marker, "");
  return { python: PYTHON };
}

const { python, reason } = environment();
if (python === undefined) {
  console.log(`SKIPPED: the tests with real BiaPy need Python and PyPI; ${reason}.`);
  process.exit(0);
}
const files = readdirSync("test/interop")
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join("test/interop", name));
const { status } = run(
  process.execPath,
  ["--import", "./test/register.mjs", "--test", "--test-concurrency=1", ...files],
  { env: { ...process.env, BIAPY_PYTHON: python } },
);
process.exit(status ?? 1);
