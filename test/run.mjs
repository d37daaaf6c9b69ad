// Runs the test files of the named folders under test/ with node's own runner: `node test/run.mjs unit workflow`.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const folders = process.argv.slice(2);
const files = folders.flatMap((folder) =>
  readdirSync(join("test", folder), { recursive: true })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join("test", folder, name)),
);
const { status } = spawnSync(
  process.execPath,
  ["--import", "./test/register.mjs", "--test", "--test-concurrency=1", ...files],
  { stdio: "inherit" },
);
process.exit(status ?? 1);
