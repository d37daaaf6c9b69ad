/** Writes runs as the extension stores them, for benchmarks that find and show them. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { resultTree } from "../src/facts/result-tree.ts";
import type { RunEvent } from "../src/facts/run-events.ts";
import { type RunRecord, recordFilesOf, writeRecord } from "../src/runs/record.ts";

/** Writes a finished run, with its events and the files that the results browser lists. */
export async function writeRun(
  resultDirectory: string,
  name: string,
  runId: number,
  events: readonly RunEvent[],
): Promise<void> {
  const place = { resultDirectory, name, runId };
  const tree = resultTree(resultDirectory, name, runId);
  const written = Date.UTC(2026, 10, 20) + runId * 60_000;
  const record: RunRecord = {
    order: {
      ...place,
      configFile: tree.configFile,
      resume: false,
      gpu: "",
      workingDirectory: resultDirectory,
    },
    engine: "embedded",
    queue: "",
    command: { command: "", args: [], cwd: resultDirectory, output: "events" },
    stopSeconds: 60,
    created: written,
    address: "",
    started: written,
    ended: { time: written + 30_000, status: "finished" },
  };
  const files = recordFilesOf(place);
  await mkdir(files.folder, { recursive: true });
  await writeRecord(files, record);
  await writeFile(files.events, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  for (const [path, text] of [
    [tree.configFile, "PROBLEM:\n    TYPE: SELF_SUPERVISED\n"],
    [tree.bestCheckpoint, ""],
    [`${tree.trainLogs}/${name}_${runId}.log`, ""],
    [`${tree.charts}/loss.png`, ""],
    [`${tree.maeChecks}/one_masked.tif`, ""],
  ]) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}
