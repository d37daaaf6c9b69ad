/** The tests of a run: every test image is predicted, written and measured. */
import { basename } from "node:path";
import type { ImagePairs } from "../data/patches.ts";
import { isStop } from "../facts/errors.ts";
import { finiteMetrics, MetricAverages } from "../facts/finite-metrics.ts";
import type { Metrics, ReportEvent } from "../facts/run-events.ts";
import { writeTestMetrics } from "../results/test-metrics.ts";
import type { ImageTester } from "./image-tester.ts";
import type { RunningRequest } from "./run-request.ts";
import type { ResultTask } from "./tasks/task.ts";

/** Applies the model to every test image, and reports the metrics of each and of all. Releases the tester. */
export async function testImages(
  { tree, report, signal }: Pick<RunningRequest, "tree" | "report" | "signal">,
  { imageKinds }: Pick<ResultTask, "imageKinds">,
  tester: ImageTester,
  pairs: ImagePairs,
): Promise<"finished" | "stopped"> {
  const { infos } = pairs.images;
  const measured = new Map<string, Metrics>();
  const averages = new MetricAverages();
  try {
    for (const [index, info] of infos.entries()) {
      signal.throwIfAborted();
      const image = basename(info.path);
      const progress = progressReporter(report, `Predicting ${image}`);
      const viewed = await tester.test(pairs, index, { progress, signal });
      const metrics = finiteMetrics(viewed.metrics);
      report({ event: "image", kind: imageKinds.test, image, files: viewed.files });
      report({ event: "test", image, metrics, predictionSeconds: viewed.predictionSeconds });
      report({ event: "progress", label: "Testing", done: index + 1, total: infos.length });
      averages.add(metrics);
      if (Object.keys(metrics).length > 0) measured.set(image, metrics);
    }
  } catch (error) {
    if (!isStop(error, signal)) throw error;
    return "stopped";
  } finally {
    tester.release();
  }
  if (measured.size > 0) {
    await writeTestMetrics(tree, measured);
    report({ event: "test", metrics: averages.averages });
  }
  return "finished";
}

/** Milliseconds between two reports of progress. */
const REPORT_MILLISECONDS = 250;

/** Reports progress, with an estimate of the time left. */
function progressReporter(report: ReportEvent, label: string): (done: number, total: number) => void {
  const started = performance.now();
  let reported = started;
  return (done, total) => {
    const now = performance.now();
    if (now - reported < REPORT_MILLISECONDS) return;
    reported = now;
    const secondsLeft = done > 0 ? ((now - started) / 1000 / done) * (total - done) : undefined;
    report({ event: "progress", label, done, total, secondsLeft });
  };
}
