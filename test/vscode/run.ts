/**
 * Packages the extension, installs it into the served VS Code and runs the tests of this folder: `npm run test:vscode`.
 * Names of test files run those only: `npm run test:vscode -- editing`.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { prepare } from "./prepare.ts";
import { Unavailable } from "./set-up-server.ts";

let served: Record<string, string>;
try {
  served = prepare();
} catch (error) {
  if (!(error instanceof Unavailable)) throw error;
  console.log(`SKIPPED: the tests in VS Code did not run, ${error.message}.`);
  process.exit(0);
}
const asked = process.argv.slice(2);
const files = readdirSync("test/vscode")
  .filter((name) => name.endsWith(".test.ts"))
  .filter((name) => asked.length === 0 || asked.includes(name.slice(0, -".test.ts".length)))
  .map((name) => join("test", "vscode", name));
const { status } = spawnSync(
  process.execPath,
  ["--import", "./test/register.mjs", "--test", "--test-concurrency=1", ...files],
  { stdio: "inherit", env: { ...process.env, ...served } },
);
process.exit(status ?? 1);
