/** Look-up tables: 256 colours from the least to the largest value shown. */
export type Lut = Uint8ClampedArray;

type Rgb = readonly [red: number, green: number, blue: number];

function table(colour: (position: number) => Rgb): Lut {
  const lut = new Uint8ClampedArray(256 * 3);
  for (let index = 0; index < 256; index++) lut.set(colour(index / 255), index * 3);
  return lut;
}

const ramp = ([red, green, blue]: Rgb): Lut =>
  table((position) => [red * position, green * position, blue * position]);

export const GRAY = ramp([255, 255, 255]);

/** Blue below zero, white at zero, red above, as RdBu of ColorBrewer. */
export const DIVERGING = table((position) => {
  const away = Math.abs(position - 0.5) * 2;
  const end: Rgb = position < 0.5 ? [5, 80, 170] : [178, 10, 40];
  const mix = (full: number) => 255 + (full - 255) * away;
  return [mix(end[0]), mix(end[1]), mix(end[2])];
});

const RED: Rgb = [255, 0, 0];
const GREEN: Rgb = [0, 255, 0];
const BLUE: Rgb = [0, 0, 255];
const MAGENTA: Rgb = [255, 0, 255];
const CYAN: Rgb = [0, 255, 255];
const YELLOW: Rgb = [255, 255, 0];
const WHITE: Rgb = [255, 255, 255];

/** The most channels that are laid over each other. */
export const MOST_COMPOSITE = 7;

/** Colours of the channels of a composite: red, green and blue for three, as RGB images have them; green and magenta for two. */
export function channelLuts(channels: number): readonly Lut[] {
  const colours =
    channels === 2 ? [GREEN, MAGENTA] : [RED, GREEN, BLUE, WHITE, CYAN, MAGENTA, YELLOW].slice(0, channels);
  return colours.map(ramp);
}

/** Whether an image's channels are the colours of one picture, as a camera writes them. */
export const isRgb = (channels: number, sampleType: string): boolean =>
  channels === 3 && sampleType === "uint8";
