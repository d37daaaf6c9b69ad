/** Draws charts in a separate thread, so that training goes on meanwhile: each takes some 40 ms. */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { errorMessage } from "../facts/errors.ts";
import { threadArguments, threadScript } from "../facts/files/thread-script.ts";
import { ResultError, writeFileAtomically } from "../facts/files/write-file.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import type { DrawnChart } from "./charts.ts";
import type { EpochRecord } from "./train-log.ts";

/** Draws every metric of a training into `charts/<name>_<run>_<metric>.png`, and returns the files. Throws {@link ResultError}. */
export async function writeCharts(
  { charts, name, runId }: ResultTree,
  history: readonly EpochRecord[],
): Promise<string[]> {
  if (history.length === 0) return [];
  const files: string[] = [];
  for (const { metric, png } of await drawnApart(history)) {
    const path = join(charts, `${name}_${runId}_${metric}.png`);
    await writeFileAtomically(path, png);
    files.push(path);
  }
  return files;
}

function drawnApart(history: readonly EpochRecord[]): Promise<readonly DrawnChart[]> {
  const script = threadScript("chart-worker", import.meta.url);
  const thread = new Worker(script, {
    workerData: history,
    ...threadArguments(script),
  });
  return new Promise((resolve, reject) => {
    const refuse = (reason: string) =>
      reject(new ResultError(`the thread that draws them failed: ${reason}.`));
    thread.once("message", resolve);
    thread.once("error", (error) => refuse(errorMessage(error)));
    thread.once("exit", () => refuse("it ended"));
  });
}
