/** Reads planes of a stack with all channels: slices, the maximum over them, and sections along z. */
import {
  type Image,
  ImageError,
  type ImageSource,
  type Region,
  type SampleArray,
  type SampleType,
  sampleArray,
} from "../../images/image.ts";
import { readByParts } from "../../images/parts.ts";
import type { PlaneView } from "../../protocol/panel-messages.ts";

/** A plane `[row, column, channel]`. */
export interface ReadPlane {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly sampleType: SampleType;
  /** 1, or n if the plane has only every n-th pixel along rows and columns. */
  readonly step: number;
  readonly data: SampleArray;
}

/** Larger planes are subsampled: a page of 64 million pixels of 16 bits is 128 MB. */
const MOST_PIXELS = 64 * 1024 * 1024;

/** Rows read at once of a plane that is subsampled. */
const BAND_ROWS = 1024;

/** Values per read: any codec delivers them within a few seconds. */
const PART_VALUES = 2 ** 22;

/** Calls `progress` after each part that was read. Throws {@link ImageError}. */
export function readPlane(
  source: ImageSource,
  view: PlaneView,
  progress: () => void = () => {},
): Promise<ReadPlane> {
  if (view.kind === "slice") return readSlice(source, view.z, progress);
  if (view.kind === "maximum") return readMaximum(source, progress);
  return readSection(source, view, progress);
}

async function readSlice(source: ImageSource, z: number, progress: () => void): Promise<ReadPlane> {
  const { shape, sampleType } = source.info;
  const [, height, width, channels] = shape;
  const step = Math.ceil(Math.sqrt((height * width) / MOST_PIXELS));
  if (step === 1) {
    const region: Region = { start: [z, 0, 0], end: [z + 1, height, width] };
    const { data } = await readByParts(source, region, PART_VALUES, progress);
    return { height, width, channels, sampleType, step, data };
  }
  const [rows, columns] = [Math.ceil(height / step), Math.ceil(width / step)];
  const data = sampleArray(sampleType, rows * columns * channels);
  const bandRows = Math.max(1, Math.floor(BAND_ROWS / step)) * step;
  for (let y = 0; y < height; y += bandRows) {
    const region: Region = { start: [z, y, 0], end: [z + 1, Math.min(y + bandRows, height), width] };
    const band = await readByParts(source, region, PART_VALUES, progress);
    subsample(band, step, data, (y / step) * columns * channels);
  }
  return { height: rows, width: columns, channels, sampleType, step, data };
}

/** Copies every `step`-th pixel along y and x of `band` to `target`, starting at index `start`. */
function subsample({ shape, data }: Image, step: number, target: SampleArray, start: number): void {
  const [, height, width, channels] = shape;
  let at = start;
  for (let y = 0; y < height; y += step)
    for (let x = 0; x < width; x += step)
      for (let channel = 0; channel < channels; channel++)
        target[at++] = data[(y * width + x) * channels + channel] ?? 0;
}

/** The largest value along z. NaN counts only where all values are NaN. */
async function readMaximum(source: ImageSource, progress: () => void): Promise<ReadPlane> {
  const { shape, sampleType } = source.info;
  const [depth, height, width] = shape;
  const first = await readSlice(source, 0, progress);
  const data = first.data.slice();
  // Whole chunks along z are read at once; subsampled planes slice by slice.
  const piece =
    first.step === 1
      ? Math.max(1, Math.min(source.piece[0], blockDepth(height * width * shape[3], sampleType)))
      : 1;
  for (let z = 1; z < depth; z += piece) {
    const end = Math.min(depth, z + piece);
    const region: Region = { start: [z, 0, 0], end: [end, height, width] };
    const { data: block } =
      first.step === 1
        ? await readByParts(source, region, PART_VALUES, progress)
        : await readSlice(source, z, progress);
    for (let at = 0; at < block.length; at++) {
      const pixel = at % data.length;
      const value = block[at] ?? 0;
      // `!(a >= b)` also replaces NaN.
      if (!((data[pixel] ?? 0) >= value) && !Number.isNaN(value)) data[pixel] = value;
    }
  }
  return { ...first, data };
}

/** Slices that fit a block of 64 MB. */
function blockDepth(samples: number, type: SampleType): number {
  return Math.floor((64 * 1024 * 1024) / (samples * sampleArray(type, 0).BYTES_PER_ELEMENT));
}

async function readSection(
  source: ImageSource,
  view: Extract<PlaneView, { kind: "xz" | "yz" }>,
  progress: () => void,
): Promise<ReadPlane> {
  const { path, shape, sampleType } = source.info;
  const [depth, height, width, channels] = shape;
  const along = view.kind === "xz" ? width : height;
  if (along * depth > MOST_PIXELS)
    throw new ImageError(path, `${path}: a section of ${along} by ${depth} pixels is too large to show.`);
  const region: Region =
    view.kind === "xz"
      ? { start: [0, view.y, 0], end: [depth, view.y + 1, width] }
      : { start: [0, 0, view.x], end: [depth, height, view.x + 1] };
  const { data } = await readByParts(source, region, PART_VALUES, progress);
  if (view.kind === "xz") return { height: depth, width, channels, sampleType, step: 1, data };
  const turned = sampleArray(sampleType, data.length);
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let channel = 0; channel < channels; channel++)
        turned[(y * depth + z) * channels + channel] = data[(z * height + y) * channels + channel] ?? 0;
  return { height, width: depth, channels, sampleType, step: 1, data: turned };
}
