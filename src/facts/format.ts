/** Numbers, times and sizes as text. Every part shows them alike: terminal, editor, panel. */

/** Formats a number with four significant digits; very small and very large ones get an exponent. Not a number: `–`. */
export function shortNumber(value: number): string {
  return numberText(value, DIGITS);
}

/** Significant digits of a number; one with an exponent has one less. */
const DIGITS = 4;

function numberText(value: number, digits: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value)) return size < 1e7 ? String(value) : exponent(value, digits);
  return size < 1e-3 || size >= 1e6 ? exponent(value, digits) : String(Number(value.toPrecision(digits)));
}

/** Most significant digits along an axis: a chart's numbers are not more precise. */
const MOST_AXIS_DIGITS = 9;

/** Formats the values along an axis, with as many digits as tell them apart. All of them get an exponent where one needs it. */
export function axisNumbers(values: readonly (number | null)[]): string[] {
  const known = new Set(values).size;
  let texts = axisTexts(values, DIGITS);
  for (let digits = DIGITS + 1; new Set(texts).size < known && digits <= MOST_AXIS_DIGITS; digits++)
    texts = axisTexts(values, digits);
  return texts;
}

function axisTexts(values: readonly (number | null)[], digits: number): string[] {
  const texts = values.map((value) => (value === null ? "" : numberText(value, digits)));
  if (!texts.some((text) => text.includes("e"))) return texts;
  return values.map((value) => (value === null ? "" : value === 0 ? "0" : exponent(value, digits)));
}

const exponent = (value: number, digits: number): string =>
  Number(value.toPrecision(digits - 1)).toExponential();

/** Formats a measured time span: `85 ms`, `3.2 s`, `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  if (seconds > 0 && seconds < 0.9995) return `${Math.round(seconds * 1e3)} ms`;
  if (seconds > 0 && seconds < 9.95) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Formats an estimated time span, no more precise than it is known: `about 40 s`, `about 20 min`, `about 2 h 10 min`. */
export function aboutDuration(seconds: number): string {
  if (!(seconds >= 5)) return "a few seconds";
  if (seconds < 57.5) return `about ${Math.round(seconds / 5) * 5} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `about ${Math.round(minutes / 60 / 24)} d`;
  const rest = Math.round((minutes % 60) / 10) * 10;
  if (rest === 60) return `about ${hours + 1} h`;
  return hours >= 10 || rest === 0 ? `about ${Math.round(minutes / 60)} h` : `about ${hours} h ${rest} min`;
}

/** Rounding of the time left in seconds, by the smallest time that it applies to. */
const LEFT_STEPS = [
  { from: 0, step: 10 },
  { from: 60, step: 60 },
  { from: 10 * 60, step: 5 * 60 },
  { from: 60 * 60, step: 10 * 60 },
  { from: 3 * 3600, step: 30 * 60 },
  { from: 10 * 3600, step: 3600 },
] as const;

const leftStep = (seconds: number): number => LEFT_STEPS.findLast(({ from }) => seconds >= from)?.step ?? 10;

/** Formats the time left without flicker: the text changes only if a new estimate differs clearly. */
export class SteadyTimeLeft {
  private shown: number | undefined;

  /** Takes an estimate in seconds; undefined for none. Returns the time left in words: `about 20 min`. */
  update(seconds: number | undefined): string | undefined {
    if (seconds === undefined || !Number.isFinite(seconds)) this.shown = undefined;
    else if (this.shown === undefined || Math.abs(seconds - this.shown) > 0.75 * leftStep(this.shown))
      this.shown = seconds;
    if (this.shown === undefined) return undefined;
    const step = leftStep(this.shown);
    return aboutDuration(Math.round(this.shown / step) * step);
  }
}

/** Formats a time span as a clock does, for progress bars: `3:20`, `2:05:00`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Formats a size on disk or in a download, in powers of 1000: `12 kB`, `512 MB`, `3.1 GB`. */
export function bytes(count: number): string {
  if (count < 1e6) return `${Math.ceil(count / 1e3)} kB`;
  if (count < 999.5e6) return `${Math.round(count / 1e6)} MB`;
  return `${(count / 1e9).toFixed(1)} GB`;
}

/** Formats a device's memory, in powers of 1024 as makers of GPUs count it: `8.0 GB`. */
export function deviceMemory(count: number): string {
  return `${(count / 2 ** 30).toFixed(1)} GB`;
}

/** Formats a count: `950`, `12 thousand`, `3.1 million`. */
export function largeCount(count: number): string {
  if (count >= 999_500) return `${(count / 1e6).toFixed(1)} million`;
  if (count >= 1e4) return `${Math.round(count / 1e3)} thousand`;
  return String(count);
}

/** Lists the first of some items, and counts the rest: `a, b and 3 more`. */
export function firstOf(items: readonly (string | number)[], most: number): string {
  const listed = items.slice(0, most).join(", ");
  return items.length > most ? `${listed} and ${items.length - most} more` : listed;
}

/** In the order of display. */
const METRIC_NAMES: Readonly<Record<string, string>> = {
  loss: "Loss",
  iou: "IoU",
  psnr: "PSNR (dB)",
  ssim: "SSIM",
  mse: "MSE",
  mae: "MAE",
};

/** Returns a metric's name for display: `PSNR (dB)` for `psnr`. */
export function metricName(metric: string): string {
  return METRIC_NAMES[metric] ?? metric.replaceAll("_", " ").toUpperCase();
}

/** Returns a number of things: `1 run`, `3 runs`. */
export const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? "" : "s"}`;

/** Returns different metrics in the order of display: those worth looking at first, then others by name. */
export function orderedMetrics(metrics: Iterable<string>): string[] {
  const found = new Set(metrics);
  const known = Object.keys(METRIC_NAMES).filter((name) => found.delete(name));
  return [...known, ...[...found].sort()];
}
