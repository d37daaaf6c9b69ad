/** Pixel types that microscopy files hold. */
export type SampleType = "uint8" | "uint16" | "uint32" | "int8" | "int16" | "int32" | "float32" | "float64";

export type SampleArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Float32Array
  | Float64Array;

export const SAMPLE_ARRAYS = {
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

/** An array for `count` samples of a type. */
export function sampleArray(type: SampleType, count: number): SampleArray {
  return new SAMPLE_ARRAYS[type](count);
}

/** `[z, y, x, channel]`; z is 1 for a 2D image. */
export type ImageShape = readonly [z: number, y: number, x: number, channel: number];

/** An image in memory: `data` is row-major in `[z, y, x, channel]` order. */
export interface Image {
  readonly shape: ImageShape;
  readonly sampleType: SampleType;
  readonly data: SampleArray;
}

/** What a file holds, known without reading its pixels. */
export interface ImageInfo {
  readonly path: string;
  readonly shape: ImageShape;
  readonly sampleType: SampleType;
}

/** A box `[start, end)` on z, y and x; all channels. */
export interface Region {
  readonly start: readonly [z: number, y: number, x: number];
  readonly end: readonly [z: number, y: number, x: number];
}

/** An open file whose pages or regions are read on demand. */
export interface ImageSource {
  readonly info: ImageInfo;
  /** Reads a region (the whole image when absent). */
  read(region?: Region): Promise<Image>;
  close(): Promise<void>;
}

/** An image under construction, written part by part. */
export interface ImageWriter {
  /** Writes a part `[z, y, x, channel]` that starts at `start`. */
  write(start: readonly [z: number, y: number, x: number], part: Image): Promise<void>;
  /** Finishes the file and gives it its name. */
  close(): Promise<void>;
}

/** The whole image as a region. */
export function wholeRegion([z, y, x]: ImageShape): Region {
  return { start: [0, 0, 0], end: [z, y, x] };
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
