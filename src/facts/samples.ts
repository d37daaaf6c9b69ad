/** Pixel types that microscopy files hold. */
export type SampleType = "uint8" | "uint16" | "uint32" | "int8" | "int16" | "int32" | "float32" | "float64";

/** Pixels of any {@link SampleType}. */
export type SampleArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** The typed array of each pixel type. */
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

/** Returns an array for `count` samples of a type. */
export function sampleArray(type: SampleType, count: number): SampleArray {
  return new SAMPLE_ARRAYS[type](count);
}

/** Returns an array for `count` samples of the type of another one. */
export function arrayLike(samples: SampleArray, count: number): SampleArray {
  const Type = Object.values(SAMPLE_ARRAYS).find((each) => samples instanceof each) ?? Float64Array;
  return new Type(count);
}

/** `[z, y, x, channel]`; z is 1 for a 2D image. */
export type ImageShape = readonly [z: number, y: number, x: number, channel: number];
