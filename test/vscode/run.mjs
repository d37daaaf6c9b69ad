// Packages the extension, installs it into the served VS Code and runs the tests of this folder: `npm run test:vscode`.
// Names of test files run those only: `npm run test:vscode -- editing`.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setUpServer, Unavailable } from "./server/setup.mjs";

const output = resolve(".test-output", "vscode");
const screenshots = resolve("test/vscode/screenshots");
const vsix = join(output, "biapy-studio.vsix");
const extensions = join(output, "extensions");

let server;
try {
  server = setUpServer();
} catch (error) {
  if (!(error instanceof Unavailable)) throw error;
  console.log(`SKIPPED: the tests in VS Code did not run, ${error.message}.`);
  process.exit(0);
}
rmSync(output, { recursive: true, force: true });
mkdirSync(extensions, { recursive: true });
mkdirSync(screenshots, { recursive: true });
execFileSync(process.execPath, ["package.mjs", "--out", vsix], { stdio: "inherit" });
execFileSync(server.node, [server.entry, ...["--extensions-dir", extensions, "--install-extension", vsix]], {
  stdio: "inherit",
});

const asked = process.argv.slice(2);
const files = readdirSync("test/vscode")
  .filter((name) => name.endsWith(".test.ts"))
  .filter((name) => asked.length === 0 || asked.includes(name.slice(0, -".test.ts".length)))
  .map((name) => join("test", "vscode", name));
const { status } = spawnSync(
  process.execPath,
  ["--import", "./test/register.mjs", "--test", "--test-concurrency=1", ...files],
  {
    stdio: "inherit",
    env: { ...process.env, BIAPY_SERVED_VSCODE: JSON.stringify({ ...server, extensions, screenshots }) },
  },
);
process.exit(status ?? 1);
