import { join } from "node:path";
import Papa from "papaparse";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import type { Metrics } from "../facts/run-events.ts";

/** Writes `test_results_metrics.csv` as BiaPy does: a row for each image, a column for each metric. */
export async function writeTestMetrics(
  tree: ResultTree,
  images: ReadonlyMap<string, Metrics>,
): Promise<void> {
  const rows = [...images].map(([file, metrics]) => ({ file, ...metrics }));
  const text = `${Papa.unparse(rows, { newline: "\n" })}\n`;
  await writeFileAtomically(join(tree.runDirectory, "test_results_metrics.csv"), text);
}
