/** Numbers, times and sizes as people read them. */

/** Four significant digits; very small and very large numbers with an exponent. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value === 0 || Number.isInteger(value)) return Math.abs(value) < 1e7 ? String(value) : exponent(value);
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e6 ? exponent(value) : String(Number(value.toPrecision(4)));
}

/** The values along an axis: all of them with an exponent where one needs it. */
export function axisNumbers(values: readonly (number | null)[]): string[] {
  const texts = values.map((value) => (value === null ? "" : shortNumber(value)));
  if (!texts.some((text) => text.includes("e"))) return texts;
  return values.map((value) => (value === null ? "" : value === 0 ? "0" : exponent(value)));
}

const exponent = (value: number): string => Number(value.toPrecision(3)).toExponential();

/** `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Steps in seconds to which the time left is rounded, by the least time that each is for. */
const LEFT_STEPS = [
  { from: 0, step: 60 },
  { from: 10 * 60, step: 5 * 60 },
  { from: 60 * 60, step: 10 * 60 },
  { from: 3 * 3600, step: 30 * 60 },
  { from: 10 * 3600, step: 3600 },
] as const;

const leftStep = (seconds: number): number => LEFT_STEPS.findLast(({ from }) => seconds >= from)?.step ?? 60;

/** An estimate of the time left in words: `about 20 min`, `about 1 h 10 min`, `less than a minute`. */
export function timeLeft(seconds: number): string {
  if (seconds < 45) return "less than a minute";
  const step = leftStep(seconds);
  const minutes = Math.max(1, Math.round(seconds / step) * (step / 60));
  if (minutes < 60) return `about ${minutes} min`;
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (hours >= 48) return `about ${Math.round(hours / 24)} d`;
  return rest === 0 ? `about ${hours} h` : `about ${hours} h ${rest} min`;
}

/** The time left, without flicker: a new estimate is shown once it differs clearly from the one shown. */
export class SteadyTimeLeft {
  private shown: number | undefined;

  /** Takes a new estimate in seconds; undefined where there is none. Returns it in words. */
  update(seconds: number | undefined): string | undefined {
    if (seconds === undefined || !Number.isFinite(seconds)) this.shown = undefined;
    else if (this.shown === undefined || Math.abs(seconds - this.shown) > 0.75 * leftStep(this.shown))
      this.shown = seconds;
    return this.shown === undefined ? undefined : timeLeft(this.shown);
  }
}

/** `512 MB`, `3.1 GB` (of 1000). */
export function bytes(count: number): string {
  if (count < 1e6) return `${Math.ceil(count / 1e3)} kB`;
  if (count < 1e9) return `${Math.round(count / 1e6)} MB`;
  return `${(count / 1e9).toFixed(1)} GB`;
}

/** `3.1 million`, `12 thousand`. */
export function largeCount(count: number): string {
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)} million`;
  if (count >= 1e4) return `${Math.round(count / 1e3)} thousand`;
  return String(count);
}

/** Metrics by the names people write. */
export function metricName(metric: string): string {
  const names: Readonly<Record<string, string>> = {
    loss: "Loss",
    mae: "MAE",
    mse: "MSE",
    ssim: "SSIM",
    psnr: "PSNR (dB)",
    iou: "IoU",
  };
  return names[metric] ?? metric.replaceAll("_", " ").toUpperCase();
}
