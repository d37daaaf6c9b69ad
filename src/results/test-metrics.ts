import { join } from "node:path";
import Papa from "papaparse";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import type { Metrics } from "../facts/run-events.ts";

/** Writes `test_results_metrics.csv` as BiaPy does: a row per image, a column per metric. */
export async function writeTestMetrics(
  tree: ResultTree,
  images: ReadonlyMap<string, Metrics>,
): Promise<void> {
  const rows = [...images].map(([file, metrics]) => ({ file, ...metrics }));
  // Metrics that are not finite are left empty.
  const columns = ["file", ...new Set([...images.values()].flatMap(Object.keys))];
  const text = `${Papa.unparse(rows, { newline: "\n", columns })}\n`;
  await writeFileAtomically(join(tree.runDirectory, "test_results_metrics.csv"), text);
}
