/**
 * Packages the extension, installs it into the served VS Code and runs the tests of this folder: `npm run test:vscode`.
 * Names of test files run those only: `npm run test:vscode -- editing`.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { biapyPython } from "../interop/environment.ts";
import { orSkip } from "../support/machine.ts";
import { prepare } from "./prepare.ts";

const served = orSkip("the tests in VS Code did not run", prepare);
const python = biapyPython();
if (python === undefined)
  console.log(
    "SKIPPED: training with BiaPy in VS Code needs its environment, which npm run test:biapy makes.",
  );
const asked = process.argv.slice(2);
const files = readdirSync("test/vscode")
  .filter((name) => name.endsWith(".test.ts"))
  .filter((name) => asked.length === 0 || asked.includes(name.slice(0, -".test.ts".length)))
  .map((name) => join("test", "vscode", name));
const { status } = spawnSync(
  process.execPath,
  ["--import", "./test/register.mjs", "--test", "--test-concurrency=1", ...files],
  { stdio: "inherit", env: { ...process.env, ...served, BIAPY_PYTHON: python ?? "" } },
);
process.exit(status ?? 1);
