/** Lookup tables: 256 colors `[red, green, blue]` from the smallest to the largest value shown. */
import {
  interpolateInferno,
  interpolateMagma,
  interpolatePlasma,
  interpolateTurbo,
  interpolateViridis,
} from "d3-scale-chromatic";
import { at, keysOf } from "../../facts/checked-lists.ts";

/** 256 colors `[red, green, blue]` from 0 to 255, one after another. */
export type Lut = Uint8ClampedArray;

type Rgb = readonly [red: number, green: number, blue: number];

function table(color: (position: number) => Rgb): Lut {
  const lut = new Uint8ClampedArray(256 * 3);
  for (let index = 0; index < 256; index++) lut.set(color(index / 255), index * 3);
  return lut;
}

const ramp = ([red, green, blue]: Rgb): Lut =>
  table((position) => [red * position, green * position, blue * position]);

/** Converts a scale of d3, whose colors are `rgb(1, 2, 3)` or `#010203`. */
const scale = (color: (position: number) => string): Lut =>
  table((position) => {
    const text = color(position);
    const parts = text.startsWith("#")
      ? [1, 3, 5].map((start) => Number.parseInt(text.slice(start, start + 2), 16))
      : (text.match(/\d+/g) ?? []).map(Number);
    const [red = 0, green = 0, blue = 0] = parts;
    return [red, green, blue];
  });

/** Interpolates linearly between colors at equal distances. */
const through = (colors: readonly Rgb[]): Lut =>
  table((position) => {
    const place = position * (colors.length - 1);
    const index = Math.min(colors.length - 2, Math.floor(place));
    const [from, to] = [at(colors, index), at(colors, index + 1)];
    const mix = (part: 0 | 1 | 2) => from[part] + (to[part] - from[part]) * (place - index);
    return [mix(0), mix(1), mix(2)];
  });

/** ImageJ's table of this name (public domain). */
const FIRE: readonly Rgb[] = [
  ...([
    [0, 0, 0],
    [0, 0, 61],
    [1, 0, 96],
    [25, 0, 130],
    [49, 0, 165],
    [73, 0, 192],
    [98, 0, 220],
    [122, 0, 227],
  ] as const),
  ...([
    [146, 0, 210],
    [162, 0, 181],
    [173, 0, 151],
    [184, 0, 122],
    [195, 0, 93],
    [207, 14, 64],
  ] as const),
  ...([
    [217, 35, 35],
    [229, 57, 5],
    [240, 79, 0],
    [252, 101, 0],
    [255, 117, 0],
    [255, 133, 0],
  ] as const),
  ...([
    [255, 147, 0],
    [255, 161, 0],
    [255, 175, 0],
    [255, 190, 0],
    [255, 205, 0],
    [255, 219, 0],
  ] as const),
  ...([
    [255, 234, 0],
    [255, 248, 35],
    [255, 255, 98],
    [255, 255, 160],
    [255, 255, 223],
    [255, 255, 255],
  ] as const),
];

const GRAY = ramp([255, 255, 255]);
const RED = ramp([255, 0, 0]);
const GREEN = ramp([0, 255, 0]);
const BLUE = ramp([0, 0, 255]);
const MAGENTA = ramp([255, 0, 255]);
const CYAN = ramp([0, 255, 255]);
const YELLOW = ramp([255, 255, 0]);

/** The tables to choose from, by their usual names. */
export const LUTS = {
  Gray: GRAY,
  "Gray inverted": table((position) => [255 * (1 - position), 255 * (1 - position), 255 * (1 - position)]),
  Red: RED,
  Green: GREEN,
  Blue: BLUE,
  Magenta: MAGENTA,
  Cyan: CYAN,
  Yellow: YELLOW,
  Fire: through(FIRE),
  Viridis: scale(interpolateViridis),
  Magma: scale(interpolateMagma),
  Inferno: scale(interpolateInferno),
  Plasma: scale(interpolatePlasma),
  Turbo: scale(interpolateTurbo),
} as const satisfies Readonly<Record<string, Lut>>;

export type LutName = keyof typeof LUTS;

export const LUT_NAMES = keysOf(LUTS);

/** Dimmed gray, for images under an overlay. */
export const DIM_GRAY = ramp([150, 150, 150]);

/** Black, orange and blue for the values 0, 1 and 2 of the range 0 to 2. Distinguishable with common color vision deficiencies. */
export const ERRORS = table((position) => {
  if (position < 0.25) return [0, 0, 0];
  return position < 0.75 ? [230, 100, 0] : [0, 110, 255];
});

/** Blue below zero, white at zero, red above, like ColorBrewer's RdBu. */
export const DIVERGING = table((position) => {
  const away = Math.abs(position - 0.5) * 2;
  const end: Rgb = position < 0.5 ? [5, 80, 170] : [178, 10, 40];
  const mix = (full: number) => 255 + (full - 255) * away;
  return [mix(end[0]), mix(end[1]), mix(end[2])];
});

const COMPOSITE: readonly LutName[] = ["Red", "Green", "Blue", "Gray", "Cyan", "Magenta", "Yellow"];

/** Returns the default colors of a composite's channel: red, green, blue for three channels; green, magenta for two. */
export function compositeLut(channel: number, channels: number): LutName {
  const order: readonly LutName[] = channels === 2 ? ["Green", "Magenta"] : COMPOSITE;
  return at(order, channel % order.length);
}

/** Whether an image's channels are the red, green and blue of a photograph. */
export const isRgb = (channels: number, sampleType: string): boolean =>
  channels === 3 && sampleType === "uint8";
