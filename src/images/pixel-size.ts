/** Physical pixel sizes: units as files spell them, and what can be written into results. */
import type { PixelSize } from "./image.ts";

const UNITS: readonly (readonly [unit: string, meters: number, names: readonly string[]])[] = [
  [
    "µm",
    1e-6,
    ["µm", "μm", "um", "micron", "microns", "micrometer", "micrometer", "micrometers", "\\u00b5m"],
  ],
  ["nm", 1e-9, ["nm", "nanometer", "nanometer", "nanometers"]],
  ["mm", 1e-3, ["mm", "millimeter", "millimeter", "millimeters"]],
  ["cm", 1e-2, ["cm", "centimeter", "centimeter"]],
  ["m", 1, ["m", "meter", "meter", "meters"]],
  ["Å", 1e-10, ["å", "angstrom"]],
  ["inch", 0.0254, ["inch", "in", "inches"]],
];

const positive = (value: number | undefined) =>
  value !== undefined && Number.isFinite(value) && value > 0 ? value : undefined;

/** A pixel size with its unit in one spelling; undefined where there is no unit or no size. */
export function pixelSize(
  size: { readonly z?: number; readonly y?: number; readonly x?: number },
  unit: string | undefined,
): PixelSize | undefined {
  const written = unit?.trim() ?? "";
  if (written === "" || /^(pixel|pixels|px|none)$/i.test(written)) return undefined;
  const known = UNITS.find(([, , names]) => names.includes(written.toLowerCase()));
  const [z, y, x] = [positive(size.z), positive(size.y), positive(size.x)];
  if (y === undefined && x === undefined && z === undefined) return undefined;
  return { z, y, x, unit: known?.[0] ?? written };
}

/** A pixel size in micrometers; undefined where its unit is unknown. */
export function inMicrometers(size: PixelSize | undefined): Omit<PixelSize, "unit"> | undefined {
  const known = UNITS.find(([unit]) => unit === size?.unit);
  if (size === undefined || known === undefined) return undefined;
  const scale = (value: number | undefined) => value && value * (known[1] / 1e-6);
  return { z: scale(size.z), y: scale(size.y), x: scale(size.x) };
}

/** `0.5 x 0.1 x 0.1 µm`, z first; `?` where an axis has no size. */
export function describePixelSize({ z, y, x, unit }: PixelSize): string {
  const sizes = (z === undefined ? [y, x] : [z, y, x]).map((value) =>
    value === undefined ? "?" : String(Number(value.toPrecision(6))),
  );
  return `${sizes.join(" x ")} ${unit}`;
}
