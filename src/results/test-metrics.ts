import { join } from "node:path";
import Papa from "papaparse";
import type { Metrics } from "../protocol/run-events.ts";
import type { ResultTree } from "./result-tree.ts";
import { writeFileAtomically } from "./write-file.ts";

/** Writes `test_results_metrics.csv` as BiaPy does: a row for each image, a column for each metric. */
export async function writeTestMetrics(
  tree: ResultTree,
  images: ReadonlyMap<string, Metrics>,
): Promise<void> {
  const rows = [...images].map(([file, metrics]) => ({ file, ...metrics }));
  const text = `${Papa.unparse(rows, { newline: "\n" })}\n`;
  await writeFileAtomically(join(tree.runDirectory, "test_results_metrics.csv"), text);
}
