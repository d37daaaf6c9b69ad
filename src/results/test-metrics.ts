/** The table of test metrics (`test_results_metrics.csv`), as BiaPy writes it: a row per image, a column per metric. */
import Papa from "papaparse";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import { finiteMetrics, MetricAverages } from "../facts/finite-metrics.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import type { Metrics } from "../facts/run-events.ts";

/** Writes the table of a run's test images. Throws `ResultError`. */
export async function writeTestMetrics(
  tree: ResultTree,
  images: ReadonlyMap<string, Metrics>,
): Promise<void> {
  const rows = [...images].map(([file, metrics]) => ({ file, ...metrics }));
  // Metrics that are not finite are left empty.
  const columns = ["file", ...new Set([...images.values()].flatMap(Object.keys))];
  await writeFileAtomically(tree.testMetrics, `${Papa.unparse(rows, { newline: "\n", columns })}\n`);
}

/** Returns the metrics of each image in the text of a table, by name in lower case; values that are not finite are left out. */
export function testMetricsIn(text: string): { readonly image: string; readonly metrics: Metrics }[] {
  const { data } = Papa.parse<Record<string, unknown>>(text, { header: true, skipEmptyLines: true });
  return data.map(({ file, ...values }) => {
    const written = Object.entries(values).filter(([, value]) => value !== "");
    const named = written.map(([name, value]) => [name.toLowerCase(), Number(value)]);
    return { image: String(file ?? ""), metrics: finiteMetrics(Object.fromEntries(named)) };
  });
}

/** Returns the means over the images in the text of a table. */
export function meanTestMetrics(text: string): Metrics {
  const means = new MetricAverages();
  for (const { metrics } of testMetricsIn(text)) means.add(metrics);
  return means.averages;
}
