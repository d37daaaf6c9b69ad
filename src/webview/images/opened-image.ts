import { shortNumber } from "../../facts/format.ts";
import type { ImageSummary } from "../../protocol/panel-messages.ts";
import { channelLuts, DIVERGING, GRAY } from "./colours.ts";
import type { Pixel, TileContent } from "./image-tile.ts";
import { difference, type PlaneImage, type Range } from "./plane-image.ts";

/** An image to show, by its file. */
export interface RowImage {
  readonly title: string;
  readonly path: string;
}

/** An image that was opened, with its planes of the slice that is shown; or why there is none. */
export interface OpenedImage {
  readonly image: RowImage;
  readonly summary?: ImageSummary;
  /** By channel; only those that are shown. */
  readonly planes?: readonly (PlaneImage | undefined)[];
  readonly failure?: string;
}

/** What a tile shows of an image: one channel in gray, or several in their colours. Nothing until its planes are there. */
export function imageContent(
  { image, summary, planes }: OpenedImage,
  z: number,
  rangeOf: (channel: number, plane: PlaneImage) => Range,
): TileContent | undefined {
  if (summary === undefined || planes === undefined) return undefined;
  const [depth, height, width, channels] = summary.shape;
  const shown = planes.flatMap((plane, channel) => (plane === undefined ? [] : [{ plane, channel }]));
  const luts = shown.length > 1 ? channelLuts(channels) : [];
  const layers = shown.map(({ plane, channel }) => ({
    plane,
    range: rangeOf(channel, plane),
    lut: luts[channel] ?? GRAY,
  }));
  const slice = depth > 1 ? `, slice ${Math.min(z, depth - 1) + 1} of ${depth}` : "";
  return {
    height,
    width,
    layers,
    description: `${image.title}, ${height} by ${width} pixels${slice}`,
    valueAt: (pixel) => valueText(shown.map(({ plane }) => pixelValue(plane, pixel)).join(", "), pixel),
  };
}

/** What a tile shows of the difference between two images in one channel; or why it cannot, in words. */
export function differenceContent(a: OpenedImage, b: OpenedImage, channel: number): TileContent | string {
  const planeOf = ({ planes, summary }: OpenedImage) =>
    planes?.[Math.min(channel, (summary?.shape[3] ?? 1) - 1)];
  const [planeA, planeB] = [planeOf(a), planeOf(b)];
  if (planeA === undefined || planeB === undefined || a.summary === undefined)
    return "One of the images cannot be shown.";
  const plane = difference(planeA, planeB);
  if (plane === undefined) return "These images are of different sizes.";
  const { low, high } = plane.percentiles(0.1);
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const [, height, width] = a.summary.shape;
  const end = shortNumber(Number(most.toPrecision(3)));
  const scale = `blue −${end} … red +${end}`;
  return {
    height,
    width,
    layers: [{ plane, range: { low: -most, high: most }, lut: DIVERGING }],
    description: `Difference ${a.image.title} minus ${b.image.title}; ${scale}`,
    note: scale,
    valueAt: (pixel) => {
      const sign = (plane.at(pixel.y, pixel.x) ?? 0) > 0 ? "+" : "";
      return valueText(`${sign}${pixelValue(plane, pixel)}`, pixel);
    },
  };
}

/** The value in a file: whole numbers as they are, others with the seven digits that single precision has. */
function pixelValue(plane: PlaneImage, { y, x }: Pixel): string {
  const value = plane.at(y, x);
  if (value === undefined) return "–";
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(7)));
}

const valueText = (values: string, { y, x }: Pixel): string => `${values}  (y ${y}, x ${x})`;
