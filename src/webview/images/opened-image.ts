import { shortNumber } from "../../facts/format.ts";
import type { ImageSummary, PixelSize, PlaneView } from "../../protocol/panel-messages.ts";
import { USUAL_CONTRAST } from "./contrast.ts";
import type { Layer } from "./draw.ts";
import { DIM_GRAY, DIVERGING, ERRORS, type Lut } from "./luts.ts";
import { difference, type PlaneImage, type Range, segmentationErrors } from "./plane-image.ts";
import { lengthText } from "./scale-bar.ts";
import type { Pixel, TileContent } from "./tile-content.ts";

/** Messages for comparisons that are impossible. */
export const NOT_SHOWN = "One of the images cannot be shown.";
export const DIFFERENT_SIZES = "The images have different sizes.";

/** An image to show, by its file. */
export interface RowImage {
  readonly title: string;
  readonly path: string;
  /** Whether its values are class numbers. */
  readonly labels?: boolean;
}

/** Planes by channel; only those that are shown. */
export type Planes = readonly (PlaneImage | undefined)[];

/** An opened image with the shown planes; or an error. */
export interface OpenedImage {
  readonly image: RowImage;
  readonly summary?: ImageSummary;
  /** Of the slice, or the maximum over all slices. */
  readonly planes?: Planes;
  /** What the planes are of. Another view may have been chosen since they were asked for. */
  readonly view?: PlaneView;
  /** Along z, if orthogonal views are shown. */
  readonly sections?: Sections;
  readonly failure?: string;
}

/** The two sections along z through a place. */
export interface Sections {
  readonly xz: Planes;
  readonly yz: Planes;
  readonly at: { readonly z: number; readonly y: number; readonly x: number };
}

/** How an image is shown. */
export interface Look {
  readonly scaleBar: boolean;
  lutOf(channel: number): Lut;
  rangeOf(channel: number): Range;
}

/** Returns a pixel's height over its width: 1 if the file does not say. */
export const aspectOf = (size: PixelSize | undefined): number => (size === undefined ? 1 : size.y / size.x);

/** Returns the layers of the loaded planes: a channel each. */
export function layersOf(planes: Planes, { lutOf, rangeOf }: Look): Layer[] {
  return planes.flatMap((plane, channel) =>
    plane === undefined ? [] : [{ plane, range: rangeOf(channel), lut: lutOf(channel) }],
  );
}

/** Returns a tile's content for an image; undefined until its planes are loaded. */
export function imageContent(
  { image, summary, planes, view }: OpenedImage,
  look: Look,
): TileContent | undefined {
  if (summary === undefined || planes === undefined) return undefined;
  const [depth, height, width] = summary.shape;
  const { pixelSize } = summary;
  const slice = view?.kind === "slice" ? `, slice ${view.z + 1} of ${depth}` : `, maximum of ${depth} slices`;
  return {
    height,
    width,
    aspect: aspectOf(pixelSize),
    layers: layersOf(planes, look),
    ...(look.scaleBar && pixelSize !== undefined
      ? { scaleBar: { pixelWidth: pixelSize.x, unit: pixelSize.unit } }
      : {}),
    description: `${image.title}, ${height} by ${width} pixels${depth > 1 ? slice : ""}`,
    valueAt: ({ x, y }) => `${valuesAt(planes, { x, y })}  (y ${y}, x ${x}${lengths(pixelSize, { y, x })})`,
  };
}

/** Returns the two sections along z beside a slice, with lines at the positions of the others. */
export function sectionContents(
  { image, summary, sections }: OpenedImage,
  look: Look,
): { readonly xz: TileContent; readonly yz: TileContent } | undefined {
  if (summary === undefined || sections === undefined) return undefined;
  const [depth, height, width] = summary.shape;
  const { pixelSize } = summary;
  const { x: sizeX, y: sizeY, z: sizeZ = sizeX } = pixelSize ?? { x: 1, y: 1, z: 1 };
  const { x, y, z } = sections.at;
  const place = (at: { readonly z: number; readonly y: number; readonly x: number }) =>
    `(z ${at.z}, y ${at.y}, x ${at.x}${lengths(pixelSize, at)})`;
  return {
    xz: {
      height: depth,
      width,
      aspect: sizeZ / sizeX,
      layers: layersOf(sections.xz, look),
      cross: { x, y: z },
      description: `${image.title}, section along z and x at y ${y}`,
      note: `y ${y}`,
      valueAt: (at) => `${valuesAt(sections.xz, at)}  ${place({ z: at.y, y, x: at.x })}`,
    },
    yz: {
      height,
      width: depth,
      aspect: sizeY / sizeZ,
      layers: layersOf(sections.yz, look),
      cross: { x: z, y },
      description: `${image.title}, section along y and z at x ${x}`,
      note: `x ${x}`,
      valueAt: (at) => `${valuesAt(sections.yz, at)}  ${place({ z: at.x, y: at.y, x })}`,
    },
  };
}

/** Returns a tile's content for the difference between two images in one channel; or a message why it is impossible. */
export function differenceContent(a: OpenedImage, b: OpenedImage, channel: number): TileContent | string {
  const planeOf = ({ planes, summary }: OpenedImage) =>
    planes?.[Math.min(channel, (summary?.shape[3] ?? 1) - 1)];
  const [planeA, planeB] = [planeOf(a), planeOf(b)];
  if (planeA === undefined || planeB === undefined || a.summary === undefined) return NOT_SHOWN;
  const plane = difference(planeA, planeB);
  if (plane === undefined) return DIFFERENT_SIZES;
  const { low, high } = plane.percentiles(0.1);
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const [, height, width] = a.summary.shape;
  const end = shortNumber(Number(most.toPrecision(3)));
  const scale = `blue −${end} … red +${end}`;
  const { pixelSize } = a.summary;
  return {
    height,
    width,
    aspect: aspectOf(pixelSize),
    layers: [{ plane, range: { low: -most, high: most }, lut: DIVERGING }],
    description: `Difference ${a.image.title} minus ${b.image.title}; ${scale}`,
    note: scale,
    valueAt: ({ x, y }) => {
      const sign = (plane.at(y, x) ?? 0) > 0 ? "+" : "";
      return `${sign}${pixelValue(plane, { x, y })}  (y ${y}, x ${x}${lengths(pixelSize, { y, x })})`;
    },
  };
}

/** The values of {@link segmentationErrors}. */
const ERROR_WORDS = ["right", "false positive", "false negative"];

/** Returns a tile's content for a segmentation's errors over its image; or a message why it is impossible. */
export function errorsContent(
  original: OpenedImage | undefined,
  prediction: OpenedImage,
  truth: OpenedImage,
): TileContent | string {
  const [found, right] = [prediction.planes?.[0], truth.planes?.[0]];
  if (found === undefined || right === undefined || prediction.summary === undefined) return NOT_SHOWN;
  const errors = segmentationErrors(found, right);
  if (errors === undefined) return DIFFERENT_SIZES;
  const [, height, width] = prediction.summary.shape;
  const { pixelSize } = prediction.summary;
  const image = original?.planes?.[0];
  const legend = "orange: false positive, blue: false negative";
  return {
    height,
    width,
    aspect: aspectOf(pixelSize),
    layers: [
      ...(image === undefined
        ? []
        : [{ plane: image, range: image.percentiles(USUAL_CONTRAST.percent), lut: DIM_GRAY }]),
      { plane: errors, range: { low: 0, high: 2 }, lut: ERRORS },
    ],
    description: `Errors of the segmentation; ${legend}`,
    note: legend,
    valueAt: ({ x, y }) => {
      const word = ERROR_WORDS[errors.at(y, x) ?? 0] ?? "right";
      return `${word}  (y ${y}, x ${x}${lengths(pixelSize, { y, x })})`;
    },
  };
}

const valuesAt = (planes: Planes, pixel: Pixel): string =>
  planes.flatMap((plane) => (plane === undefined ? [] : [pixelValue(plane, pixel)])).join(", ");

/** Formats a value of a file: whole numbers in full, others with the seven digits of single precision. */
function pixelValue(plane: PlaneImage, { y, x }: Pixel): string {
  const value = plane.at(y, x);
  if (value === undefined) return "–";
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(7)));
}

/** `; y 1.5 µm, x 2.5 µm`: the center of a pixel; empty if the pixel size is unknown. */
function lengths(
  size: PixelSize | undefined,
  at: { readonly z?: number; readonly y: number; readonly x: number },
): string {
  if (size === undefined) return "";
  const axes = [
    ["z", at.z, size.z],
    ["y", at.y, size.y],
    ["x", at.x, size.x],
  ] as const;
  const known = axes.flatMap(([axis, index, step]) =>
    index === undefined || step === undefined
      ? []
      : [`${axis} ${lengthText((index + 0.5) * step, size.unit)}`],
  );
  return `; ${known.join(", ")}`;
}
