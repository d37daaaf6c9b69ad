/** Parses the lines that BiaPy 3.7.1 prints. */
import { finiteMetrics } from "../facts/finite-metrics.ts";
import type { Metrics } from "../facts/run-events.ts";

/** The time before most of BiaPy's lines. */
const TIME = /\[\d\d:\d\d:\d\d\.\d{6}\] /g;

/** Returns a line without its time and without the progress bars that precede it on the same line. */
export function printedText(line: string): string {
  const last = [...line.matchAll(TIME)].at(-1);
  const text = last === undefined ? line : line.slice((last.index ?? 0) + last[0].length);
  return text.slice(text.lastIndexOf("\r") + 1).trimEnd();
}

/** A line of training (with a learning rate) or validation (without one), printed every ten steps and at the last one. */
export interface StepLine {
  /** From 1. */
  readonly epoch: number;
  /** From 1, within the epoch. */
  readonly step: number;
  readonly steps: number;
  /** The median of the last 20 steps, by lower-case name. */
  readonly metrics: Metrics;
  readonly learningRate?: number;
  readonly stepSeconds: number;
  /** To the end of the epoch. */
  readonly secondsLeft: number;
}

const STEP = /^Epoch: \[(\d+)\]\s+\[\s*(\d+)\/(\d+)\]\s+eta: (.+?)\s{2,}(.+)$/;
const VALUE = /([\w-]+): (\S+)(?: \(\S+\))?/g;

/** Parses a line of training or validation; undefined for other lines. */
export function stepLine(text: string): StepLine | undefined {
  const found = STEP.exec(text);
  if (found === null) return undefined;
  const [, epoch, step, steps, left = "", rest = ""] = found;
  const values = new Map([...rest.matchAll(VALUE)].map(([, name = "", value]) => [name, Number(value)]));
  const learningRate = values.get("lr");
  const stepSeconds = values.get("iter-time") ?? 0;
  for (const name of ["lr", "iter-time", "max mem"]) values.delete(name);
  return {
    epoch: Number(epoch),
    step: Number(step) + 1,
    steps: Number(steps),
    metrics: namedMetrics(values),
    learningRate,
    stepSeconds,
    secondsLeft: seconds(left),
  };
}

/** Returns metrics by lower-case name, those that are finite numbers. */
export function namedMetrics(values: Iterable<readonly [string, unknown]>): Metrics {
  return finiteMetrics(Object.fromEntries([...values].map(([name, value]) => [name.toLowerCase(), value])));
}

/** Returns the seconds of Python's `1 day, 2:03:04`. */
function seconds(text: string): number {
  const days = Number(/(\d+) days?/.exec(text)?.[1] ?? 0);
  const [hours = 0, minutes = 0, rest = 0] = (/(\d+):(\d+):(\d+)/.exec(text) ?? []).slice(1).map(Number);
  return ((days * 24 + hours) * 60 + minutes) * 60 + rest;
}

/** Collects the configuration that BiaPy prints: groups by indentation, one key per line. */
export class PrintedConfiguration {
  private readonly groups: string[] = [];
  private readonly values = new Map<string, string>();

  /** Takes in a line. Returns false if it is not part of the configuration. */
  take(line: string): boolean {
    const found = /^( *)([A-Z][A-Z0-9_]*): ?(.*)$/.exec(line);
    if (found === null) return false;
    const [, indent = "", name = "", value = ""] = found;
    this.groups.length = indent.length / 2;
    const key = [...this.groups, name].join(".");
    this.groups.push(name);
    this.values.set(key, value);
    return true;
  }

  value(key: string): string | undefined {
    return this.values.get(key);
  }
}
