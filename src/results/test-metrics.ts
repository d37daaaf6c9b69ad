import { join } from "node:path";
import type { Metrics } from "../protocol/run-events.ts";
import type { ResultTree } from "./result-tree.ts";
import { writeFileAtomically } from "./write-file.ts";

const quoted = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Writes `test_results_metrics.csv` as BiaPy does: a row for each image, a column for each metric. */
export async function writeTestMetrics(
  tree: ResultTree,
  images: ReadonlyMap<string, Metrics>,
): Promise<void> {
  const [first = {}] = images.values();
  const names = Object.keys(first);
  const rows = [...images].map(([image, metrics]) =>
    [quoted(image), ...names.map((name) => metrics[name])].join(","),
  );
  const text = `${[["file", ...names].join(","), ...rows].join("\n")}\n`;
  await writeFileAtomically(join(tree.runDirectory, "test_results_metrics.csv"), text);
}
