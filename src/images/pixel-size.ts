/** Physical pixel sizes: units as files spell them, and what can be written into results. */
import type { PixelSize } from "./image.ts";

const UNITS: readonly (readonly [unit: string, meters: number, names: readonly string[]])[] = [
  [
    "µm",
    1e-6,
    ["µm", "μm", "um", "micron", "microns", "micrometer", "micrometre", "micrometers", "\\u00b5m"],
  ],
  ["nm", 1e-9, ["nm", "nanometer", "nanometre", "nanometers"]],
  ["mm", 1e-3, ["mm", "millimeter", "millimetre", "millimeters"]],
  ["cm", 1e-2, ["cm", "centimeter", "centimetre"]],
  ["m", 1, ["m", "meter", "metre", "meters"]],
  ["Å", 1e-10, ["å", "angstrom"]],
  ["inch", 0.0254, ["inch", "in", "inches"]],
];

const positive = (value: number | undefined) =>
  value !== undefined && Number.isFinite(value) && value > 0 ? value : undefined;

/** Returns a pixel size with its unit in one spelling; undefined if there is no unit or no size. */
export function pixelSize(
  size: { readonly z?: number; readonly y?: number; readonly x?: number },
  unit: string | undefined,
): PixelSize | undefined {
  const written = unit?.trim() ?? "";
  if (written === "" || /^(pixels?|px|none|null|reference frame)$/i.test(written)) return undefined;
  const known = UNITS.find(([, , names]) => names.includes(written.toLowerCase()));
  const [z, y, x] = [positive(size.z), positive(size.y), positive(size.x)];
  if (y === undefined && x === undefined && z === undefined) return undefined;
  return { z, y, x, unit: known?.[0] ?? written };
}

/** The distance along one axis, as a file writes it. */
export interface WrittenLength {
  readonly value: number | undefined;
  readonly unit: string | undefined;
}

/** Returns a pixel size with one unit (that of x, else y, else z) from axes with separate units. Axes that cannot be converted are left out. */
export function mixedPixelSize(
  axes: Readonly<Record<"z" | "y" | "x", WrittenLength>>,
): PixelSize | undefined {
  const lone = (axis: "z" | "y" | "x") => pixelSize({ [axis]: axes[axis].value }, axes[axis].unit);
  const own = { z: lone("z"), y: lone("y"), x: lone("x") };
  const unit = (own.x ?? own.y ?? own.z)?.unit;
  if (unit === undefined) return undefined;
  const converted = (axis: "z" | "y" | "x") => {
    const size = own[axis];
    const value = size?.[axis];
    if (size === undefined || value === undefined || size.unit === unit) return value;
    const [from, to] = [metersOf(size.unit), metersOf(unit)];
    return from === undefined || to === undefined ? undefined : Number(((value * from) / to).toPrecision(12));
  };
  return pixelSize({ z: converted("z"), y: converted("y"), x: converted("x") }, unit);
}

const metersOf = (unit: string): number | undefined => UNITS.find(([name]) => name === unit)?.[1];

/** Returns a pixel size in micrometers; undefined if its unit is unknown. */
export function inMicrometers(size: PixelSize | undefined): Omit<PixelSize, "unit"> | undefined {
  const meters = size && metersOf(size.unit);
  if (size === undefined || meters === undefined) return undefined;
  const scale = (value: number | undefined) => value && value * (meters / 1e-6);
  return { z: scale(size.z), y: scale(size.y), x: scale(size.x) };
}

/** Returns a pixel size as text: `0.5 x 0.1 x 0.1 µm`, z first; `?` for an axis without a size. */
export function describePixelSize({ z, y, x, unit }: PixelSize): string {
  const sizes = (z === undefined ? [y, x] : [z, y, x]).map((value) =>
    value === undefined ? "?" : String(Number(value.toPrecision(6))),
  );
  return `${sizes.join(" x ")} ${unit}`;
}
