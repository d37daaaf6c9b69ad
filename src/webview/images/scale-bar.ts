/** The scale bar, and lengths as text. */

/** Units of length in micrometers. */
const MICROMETERS = { nm: 1e-3, µm: 1, mm: 1e3, cm: 1e4, m: 1e6, inch: 25400 } as const;

const isKnownUnit = (unit: string): unit is keyof typeof MICROMETERS => unit in MICROMETERS;

const STEPS = [1, 2, 5];

/** A scale bar to draw. */
export interface ScaleBar {
  /** In canvas pixels. */
  readonly length: number;
  readonly label: string;
}

/**
 * Returns the longest bar of 1, 2 or 5 times a power of ten that is at most `most` canvas pixels long.
 *
 * @param pixelWidth length of a canvas pixel in `unit`
 */
export function scaleBar(pixelWidth: number, unit: string, most: number): ScaleBar {
  const longest = pixelWidth * most;
  const power = 10 ** Math.floor(Math.log10(longest) + 1e-9);
  const step = STEPS.findLast((each) => each * power <= longest * (1 + 1e-9)) ?? 1;
  const length = step * power;
  return { length: length / pixelWidth, label: lengthText(length, unit) };
}

/** Formats a length in a unit that makes it short: 1500 µm is `1.5 mm`. */
export function lengthText(length: number, unit: string): string {
  if (!isKnownUnit(unit) || length === 0) return `${digits(length)} ${unit}`;
  const inMicrometers = MICROMETERS[unit];
  const size = Math.abs(length * inMicrometers);
  const fitting = shortUnit(size, unit);
  return `${digits((length * inMicrometers) / MICROMETERS[fitting])} ${fitting}`;
}

/** Returns the unit for a length in micrometers. Those given in nanometers keep it up to a micrometer. */
function shortUnit(micrometers: number, unit: keyof typeof MICROMETERS): "nm" | "µm" | "mm" {
  if (micrometers >= 1e3) return "mm";
  return micrometers < (unit === "nm" ? 1 : 0.1) ? "nm" : "µm";
}

const digits = (value: number): string => String(Number(value.toPrecision(4)));

/** Draws the bar into the lower right corner: white with a dark outline, readable on any image. */
export function drawScaleBar(
  context: CanvasRenderingContext2D,
  area: { readonly right: number; readonly bottom: number },
  { length, label }: ScaleBar,
  fontFamily: string,
): void {
  const pixel = devicePixelRatio;
  const [thickness, margin] = [4 * pixel, 12 * pixel];
  const [left, top] = [area.right - margin - length, area.bottom - margin - thickness];
  context.save();
  context.fillStyle = "#fff";
  context.strokeStyle = "rgba(0, 0, 0, 0.8)";
  context.lineWidth = 2 * pixel;
  context.lineJoin = "round";
  context.strokeRect(left, top, length, thickness);
  context.fillRect(left, top, length, thickness);
  context.font = `600 ${12 * pixel}px ${fontFamily}`;
  context.textAlign = "center";
  context.textBaseline = "bottom";
  const [x, y] = [left + length / 2, top - 3 * pixel];
  context.strokeText(label, x, y);
  context.fillText(label, x, y);
  context.restore();
}
