/**
 * Runs the tests that real BiaPy and PyTorch judge: `npm run test:biapy`. Where no Python environment with them can be had, the
 * tests are skipped, in words.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { bundleCommand } from "../command-bundle.mjs";
import { orSkip } from "../support/machine.ts";
import { makeBiapyPython } from "./environment.ts";

const python = orSkip("the tests with real BiaPy need Python and PyPI", makeBiapyPython);
const files = readdirSync("test/interop")
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join("test/interop", name));
const command = await bundleCommand(resolve(".test-output/interop/command"));
const { status } = spawnSync(
  process.execPath,
  ["--import", "./test/register.mjs", "--test", "--test-concurrency=2", ...files],
  { stdio: "inherit", env: { ...process.env, BIAPY_CLI: command, BIAPY_PYTHON: python } },
);
process.exit(status ?? 1);
