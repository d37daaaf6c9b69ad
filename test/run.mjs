// Runs the test files of the named folders under test/ with node's own runner: `node test/run.mjs unit workflow`.
// `--coverage` prints what the tests cover of src, and fails below the floors of .c8rc.json. Two files run at a time: half of each
// is starting and waiting. At the end the slowest files are listed.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundleCommand } from "./command-bundle.mjs";
import { bundleTensorflow } from "./tensorflow-bundle.mjs";

const SLOWEST = 10;
const output = join(".test-output", "run");
const durations = join(output, `durations-${process.pid}.txt`);

const { values, positionals: folders } = parseArgs({
  options: { coverage: { type: "boolean" }, concurrency: { type: "string" } },
  allowPositionals: true,
});
const concurrency = values.concurrency ?? String(Math.min(2, availableParallelism()));
const files = folders.flatMap((folder) =>
  readdirSync(join("test", folder), { recursive: true })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join("test", folder, name)),
);
mkdirSync(output, { recursive: true });
await bundleTensorflow();
const command = await bundleCommand(resolve(output, "command"));
const args = [
  ...["--import", "./test/register.mjs", "--test", `--test-concurrency=${concurrency}`],
  ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
  ...["--test-reporter=./test/durations.mjs", `--test-reporter-destination=${durations}`],
  ...files,
];
const coverage = join(output, "coverage");
if (values.coverage) rmSync(coverage, { recursive: true, force: true });
const { status } = spawnSync(process.execPath, args, {
  stdio: "inherit",
  env: { ...process.env, BIAPY_CLI: command, ...(values.coverage ? { NODE_V8_COVERAGE: coverage } : {}) },
});
console.log(`The slowest files:\n${slowest(readFileSync(durations, "utf8"))}`);
rmSync(durations);
if (status !== 0) process.exit(status ?? 1);
if (values.coverage) {
  const c8 = join("node_modules", "c8", "bin", "c8.js");
  const report = spawnSync(process.execPath, [c8, "report", "--temp-directory", coverage], {
    stdio: "inherit",
  });
  rmSync(coverage, { recursive: true, force: true });
  process.exit(report.status ?? 1);
}

function slowest(lines) {
  return lines
    .trim()
    .split("\n")
    .map((line) => line.split("\t"))
    .sort((one, other) => Number(other[0]) - Number(one[0]))
    .slice(0, SLOWEST)
    .map(([seconds, file]) => `${seconds.padStart(7)} s  ${file}`)
    .join("\n");
}
