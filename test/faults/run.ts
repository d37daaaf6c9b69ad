/**
 * `npm run test:faults`: kills trainings and damages files at random, and says what was not as it should be.
 *
 * Options: `--full` (200 kills, 5,000 files), `--kills N`, `--files N`, `--seed N` (default: 1; the same seed makes the same cases),
 * `--keep FOLDER` (keeps damaged files that were judged wrongly), `--limit WORDS` (only the limits whose name has these words).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../../src/data/random.ts";
import { runFiles } from "./files.ts";
import { runKills } from "./kills.ts";
import { runLimits } from "./limits.ts";
import { type Fault, table } from "./report.ts";

const { values } = parseArgs({
  options: {
    full: { type: "boolean", default: false },
    kills: { type: "string" },
    files: { type: "string" },
    seed: { type: "string", default: "1" },
    keep: { type: "string" },
    limit: { type: "string" },
  },
});
const seed = Number(values.seed);
const kills = Number(values.kills ?? (values.full ? 200 : 20));
const files = Number(values.files ?? (values.full ? 5000 : 600));

const folder = mkdtempSync(join(tmpdir(), "faults-"));
const faults: Fault[] = [];
const started = performance.now();
const progress = (done: number, what: string) => {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${done} ${what}`);
};
let limits = 0;
try {
  if (process.platform === "linux") {
    const result = await runLimits(join(folder, "limits"), progress, values.limit);
    limits = result.count;
    faults.push(...result.faults);
  }
  if (kills > 0) {
    const result = await runKills({
      folder: join(folder, "kills"),
      random: new Random(seed),
      count: kills,
      report: progress,
    });
    faults.push(...result.faults);
    console.log(`\n${table(["interruption", "runs"], Object.entries(result.counts))}\n`);
  }
  if (files > 0) {
    const result = await runFiles({
      folder: join(folder, "files"),
      random: new Random(seed),
      count: files,
      keep: values.keep,
      report: progress,
    });
    faults.push(...result.faults);
    console.log(
      `\n${table(["kind", "files", "read", "refused", "slowest (s)", "memory (MB)"], result.rows)}\n`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const { subject, message } of faults) console.error(`${subject}: ${message}`);
const seconds = Math.round((performance.now() - started) / 1000);
console.log(
  `${limits} limits, ${kills} interruptions and ${files} damaged files (seed ${seed}): ${faults.length} faults, ${seconds} s`,
);
process.exitCode = faults.length > 0 ? 1 : 0;
