/** Metrics are finite numbers or absent: these functions filter the numbers of events and logs. */
import type { Metrics } from "./run-events.ts";

/** Returns the metrics that are finite numbers. */
export function finiteMetrics(metrics: Readonly<Record<string, unknown>>): Metrics {
  const finite = Object.entries(metrics).filter((entry): entry is [string, number] =>
    Number.isFinite(entry[1]),
  );
  return Object.fromEntries(finite);
}

/** Averages metrics over steps, samples or images; values that are not finite are left out. */
export class MetricAverages {
  private readonly totals = new Map<string, { sum: number; count: number }>();

  add(metrics: Readonly<Record<string, number | undefined>>): void {
    for (const [name, value] of Object.entries(finiteMetrics(metrics))) this.put(name, value, 1);
  }

  /** Adds a sum of `count` values. */
  put(name: string, sum: number, count: number): void {
    const total = this.totals.get(name) ?? { sum: 0, count: 0 };
    this.totals.set(name, { sum: total.sum + sum, count: total.count + count });
  }

  get averages(): Metrics {
    return Object.fromEntries([...this.totals].map(([name, { sum, count }]) => [name, sum / count]));
  }

  get sums(): Metrics {
    return Object.fromEntries([...this.totals].map(([name, { sum }]) => [name, sum]));
  }

  get counts(): Metrics {
    return Object.fromEntries([...this.totals].map(([name, { count }]) => [name, count]));
  }
}
