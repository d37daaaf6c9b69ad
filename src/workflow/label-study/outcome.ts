/** The outcome of a label study: a row for each number of labeled images, and whether pretraining paid. */
import Papa from "papaparse";
import { shortNumber } from "../../facts/format.ts";
import type { Start } from "./plan.ts";

/** A training of the study that has been tested. */
export interface StudyResult {
  readonly runId: number;
  readonly start: Start;
  /** Number of labeled images. */
  readonly labels: number;
  readonly seed: number;
  /** Mean IoU over the test images. */
  readonly iou: number;
}

/** The results with one number of labeled images. */
export interface StudyRow {
  readonly labels: number;
  readonly pretrained: Spread;
  readonly scratch: Spread;
  /** Seeds whose pretrained model was better than the one from scratch with the same images. */
  readonly better: number;
  /** Seeds that have both. */
  readonly seeds: number;
}

/** Mean, smallest and largest IoU. */
export interface Spread {
  readonly mean: number;
  readonly least: number;
  readonly most: number;
}

function spread(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, least: Math.min(...values), most: Math.max(...values) };
}

/** Returns rows by number of labeled images, for seeds with both starts. */
export function studyRows(results: readonly StudyResult[]): StudyRow[] {
  const counts = [...new Set(results.map(({ labels }) => labels))].sort((one, other) => one - other);
  return counts.flatMap((labels) => {
    const of = (start: Start) =>
      new Map(
        results
          .filter((each) => each.labels === labels && each.start === start)
          .map(({ seed, iou }) => [seed, iou] as const),
      );
    const [pretrained, scratch] = [of("pretrained"), of("scratch")];
    const pairs = [...pretrained].flatMap(([seed, iou]): [number, number][] => {
      const other = scratch.get(seed);
      return other === undefined ? [] : [[iou, other]];
    });
    if (pairs.length === 0) return [];
    return {
      labels,
      pretrained: spread(pairs.map(([iou]) => iou)),
      scratch: spread(pairs.map(([, iou]) => iou)),
      better: pairs.filter(([one, other]) => one > other).length,
      seeds: pairs.length,
    };
  });
}

/** Returns a CSV file with a row for each training. */
export function studyCsv(results: readonly StudyResult[]): string {
  const rows = results.map(({ labels, start, seed, iou, runId }) => ({
    labeled_images: labels,
    start,
    seed,
    iou,
    run: runId,
  }));
  return `${Papa.unparse(rows, { newline: "\n" })}\n`;
}

/** Says whether pretraining paid with this many labeled images. */
function verdict({ pretrained, scratch, better, seeds }: StudyRow): string {
  const gain = pretrained.mean - scratch.mean;
  if (seeds === 1) return `${gain > 0 ? "better" : "no gain"} with one seed, which is too few to judge`;
  const overlap = pretrained.least <= scratch.most && scratch.least <= pretrained.most;
  if (better === seeds && !overlap) return "pretraining pays";
  if (better === 0 && !overlap) return "pretraining hurts";
  return gain > 0 ? "better on average, within the spread" : "no gain";
}

/** Returns the study's results as text: a line for each number of labeled images. */
export function describeStudy(rows: readonly StudyRow[]): string[] {
  const shown = ({ mean, least, most }: Spread) =>
    `${shortNumber(mean)} (${shortNumber(least)} to ${shortNumber(most)})`;
  return rows.map((row) => {
    const images = row.labels === 1 ? "1 labeled image" : `${row.labels} labeled images`;
    const wins = `better in ${row.better} of ${row.seeds} seeds`;
    return `${images}: IoU pretrained ${shown(row.pretrained)}, from scratch ${shown(row.scratch)}; ${wins}: ${verdict(row)}`;
  });
}
