import { type ImageShape, SAMPLE_ARRAYS, type SampleArray, type SampleType } from "../facts/samples.ts";

export {
  type ImageShape,
  SAMPLE_ARRAYS,
  type SampleArray,
  type SampleType,
  sampleArray,
} from "../facts/samples.ts";

/** An image in memory: `data` is row-major in `[z, y, x, channel]` order. */
export interface Image {
  readonly shape: ImageShape;
  readonly sampleType: SampleType;
  readonly data: SampleArray;
}

/** How to read a file that holds several arrays, or does not name its axes. */
export interface OpenOptions {
  /** The order of its axes, such as `TZCYX`. */
  readonly axes?: string;
  /** The array inside the file, such as `volumes.raw` or `volumes/raw`. */
  readonly inside?: string;
}

/** The physical distance between neighboring pixels; undefined along axes where it is unknown. */
export interface PixelSize {
  readonly z?: number;
  readonly y?: number;
  readonly x?: number;
  /** `µm`, `nm`, `mm`, `cm`, `m`, `inch`, or as the file writes it. */
  readonly unit: string;
}

/** What a file holds, known without reading its pixels. */
export interface ImageInfo {
  readonly path: string;
  readonly shape: ImageShape;
  readonly sampleType: SampleType;
  readonly options?: OpenOptions;
  readonly pixelSize?: PixelSize;
  /** File name of its results, without extension. Defaults to the image's own name. */
  readonly resultName?: string;
  /** All files of an image that spans several (OME-TIFF); `path` is one of them. */
  readonly files?: readonly string[];
}

/** How a file stores its image, and how its axes were decided: what `biapy --inspect` prints. */
export interface ImageDescription {
  /** `ImageJ TIFF`, `OME-Zarr 0.4`, `HDF5`, … */
  readonly format: string;
  /** The stored array's axes, one letter each: T, Z, C, Y, X, and S for samples of a pixel. */
  readonly axes: string;
  /** Why these are the axes, as a clause: "OME-XML says so". */
  readonly axesReason: string;
  /** Sizes along `axes`. */
  readonly storedShape: readonly number[];
  /** The stored type, such as `uint16`, `float16` or `1-bit`. */
  readonly storedType: string;
  /** `none`, `deflate`, `zstd`, … */
  readonly compression: string;
  /** The array inside the file, where it can hold several. */
  readonly dataset?: string;
  /** Other arrays that could be read instead. */
  readonly others: readonly string[];
}

/** A box `[start, end)` on z, y and x; all channels. */
export interface Region {
  readonly start: readonly [z: number, y: number, x: number];
  readonly end: readonly [z: number, y: number, x: number];
}

/** An open file whose pages or regions are read on demand. */
export interface ImageSource {
  readonly info: ImageInfo;
  readonly description: ImageDescription;
  /** The chunk size of the file: reading part of a chunk costs as much as all of it. */
  readonly piece: readonly [z: number, y: number, x: number];
  /** Reads a region (the whole image when absent). */
  read(region?: Region): Promise<Image>;
  /** Throws {@link ImageError} if the file's pages do not form one image. Only formats with pages have this. */
  checkPages?(): Promise<void>;
  close(): Promise<void>;
}

/** An image under construction, written part by part. */
export interface ImageWriter {
  /** Writes a part `[z, y, x, channel]` that starts at `start`. */
  write(start: readonly [z: number, y: number, x: number], part: Image): Promise<void>;
  /** Finishes the file and renames it to its final name. */
  close(): Promise<void>;
  /** Deletes the unfinished file. */
  discard(): Promise<void>;
}

/** Describes an image that is written part by part. */
export interface NewImage {
  readonly shape: ImageShape;
  readonly sampleType: SampleType;
  /** Chunk size; writing whole chunks is fastest. */
  readonly chunk: readonly [z: number, y: number, x: number];
  /** The order of the axes, `TZCYX` or `TZYXC`. */
  readonly axes: string;
  readonly pixelSize?: PixelSize;
}

/** Returns the region that covers the whole image. */
export function wholeRegion([z, y, x]: ImageShape): Region {
  return { start: [0, 0, 0], end: [z, y, x] };
}

/** Returns a region's shape. */
export function shapeOf({ start, end }: Region, channels: number): ImageShape {
  return [end[0] - start[0], end[1] - start[1], end[2] - start[2], channels];
}

/** Returns the region that a part `[z, y, x, channel]` of an image covers from `start` on. */
export function regionOf(start: Region["start"], [depth, height, width]: ImageShape): Region {
  return { start, end: [start[0] + depth, start[1] + height, start[2] + width] };
}

/** Returns an image's size in memory, in bytes. */
export function storedBytes(shape: ImageShape, sampleType: SampleType): number {
  return shape.reduce((product, size) => product * size, SAMPLE_ARRAYS[sampleType].BYTES_PER_ELEMENT);
}

/** Returns the first line of a message. */
export function firstLine(text: string): string {
  const [line = ""] = text.split("\n");
  return line;
}

/** Bad image input: the message names the file, what is wrong and what to do. Ends a run with exit code 2. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  constructor(
    readonly path: string,
    message: string,
  ) {
    super(message);
  }
}
