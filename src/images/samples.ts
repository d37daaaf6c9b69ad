/** Converts stored values to the pixel types of images. */
import { getFloat16 } from "@petamoriken/float16";
import { SAMPLE_ARRAYS, type SampleArray, type SampleType, sampleArray } from "./image.ts";

/** Types in files. Those that are no pixel type are widened without loss, or refused. */
const STORED_TYPES = [
  "bool",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "float16",
  "float24",
  "float32",
  "float64",
] as const;

export type StoredType = (typeof STORED_TYPES)[number];

const isStoredType = (name: string): name is StoredType => STORED_TYPES.some((type) => type === name);

/** Returns the type of this name, such as `uint16`; undefined for other names. Only TIFF has `float24`. */
export const storedType = (name: string | undefined): StoredType | undefined =>
  name !== undefined && isStoredType(name) ? name : undefined;

const NUMPY_KINDS: Readonly<Record<string, string>> = { i: "int", u: "uint", f: "float" };

/** Returns the type for a NumPy type string such as `<u2`; undefined if it is not supported. */
export function numpyType(descr: string): StoredType | undefined {
  const [, kind = "", width] = /^[<>|=]?([a-zA-Z])(\d+)$/.exec(descr) ?? [];
  if (kind === "b") return width === "1" ? "bool" : undefined;
  const name = storedType(`${NUMPY_KINDS[kind]}${8 * Number(width)}`);
  return name === "float24" ? undefined : name;
}

/** Returns the pixel type for a stored type. 64-bit integers become float64, which is exact up to 2^53. */
export function readAs(type: StoredType): SampleType {
  if (type === "bool") return "uint8";
  if (type === "float16" || type === "float24") return "float32";
  return type === "int64" || type === "uint64" ? "float64" : type;
}

/** Returns the bytes of one stored value. */
export function bytesOf(type: StoredType): number {
  if (type === "float16") return 2;
  if (type === "float24") return 3;
  if (type === "int64" || type === "uint64") return 8;
  return type === "bool" ? 1 : SAMPLE_ARRAYS[type].BYTES_PER_ELEMENT;
}

/** Converts 64-bit integers to float64. Throws if one is beyond 2^53. */
export function exactIntegers(values: BigInt64Array | BigUint64Array): Float64Array {
  const result = new Float64Array(values.length);
  for (let at = 0; at < values.length; at++) {
    result[at] = Number(values[at]);
    if (!Number.isSafeInteger(result[at]))
      throw new Error(`the 64-bit integer ${values[at]} is beyond 2^53; save the image with 32 bits`);
  }
  return result;
}

/** Returns booleans as 0 and 1, in place. As in NumPy, all other bytes are true. */
export function asBits(values: Uint8Array): Uint8Array {
  for (let at = 0; at < values.length; at++) if ((values[at] ?? 0) > 1) values[at] = 1;
  return values;
}

/** Decodes values. May change `bytes`; the result may share their memory. */
export function decodeSamples(bytes: Uint8Array, type: StoredType, littleEndian: boolean): SampleArray {
  const width = bytesOf(type);
  const count = Math.floor(bytes.length / width);
  if (type === "float24") return decodeFloat24(bytes, count, littleEndian);
  // A typed array must start at a multiple of its element size. Buffer's slice() does not copy.
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  if (!littleEndian && width > 1) swapBytes(aligned, width);
  const { buffer, byteOffset } = aligned;
  if (type === "float16") {
    const view = new DataView(buffer, byteOffset, count * 2);
    return Float32Array.from({ length: count }, (_, at) => getFloat16(view, at * 2, true));
  }
  if (type === "bool") return asBits(new Uint8Array(buffer, byteOffset, count));
  if (type === "int64") return exactIntegers(new BigInt64Array(buffer, byteOffset, count));
  if (type === "uint64") return exactIntegers(new BigUint64Array(buffer, byteOffset, count));
  return new SAMPLE_ARRAYS[readAs(type)](buffer as ArrayBuffer, byteOffset, count);
}

/** Swaps the byte order of values of two, four or eight bytes, in place. */
export function swapBytes(bytes: Uint8Array, width: number): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length - (bytes.length % width));
  if (width === 2) view.swap16();
  else if (width === 4) view.swap32();
  else if (width === 8) view.swap64();
}

/** 24-bit floats (Adobe's TIFF Technical Note 3): 1 bit sign, 7 bits exponent (bias 63), 16 bits fraction. */
function decodeFloat24(bytes: Uint8Array, count: number, littleEndian: boolean): Float32Array {
  const result = new Float32Array(count);
  for (let at = 0; at < count; at++) {
    const [low, middle, high] = littleEndian ? [0, 1, 2] : [2, 1, 0];
    const byte = (place: number) => bytes[at * 3 + place] ?? 0;
    const bits = byte(low) | (byte(middle) << 8) | (byte(high) << 16);
    const [sign, exponent, fraction] = [bits >> 23 ? -1 : 1, (bits >> 16) & 0x7f, bits & 0xffff];
    if (exponent === 0) result[at] = sign * fraction * 2 ** (-62 - 16);
    else if (exponent === 0x7f) result[at] = fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    else result[at] = sign * (1 + fraction / 2 ** 16) * 2 ** (exponent - 63);
  }
  return result;
}

/** Returns the pixel type for unsigned integers of 1 to 32 bits. */
export function packedReadAs(bits: number): SampleType {
  if (bits <= 8) return "uint8";
  return bits <= 16 ? "uint16" : "uint32";
}

/**
 * Unpacks unsigned integers of 1 to 32 bits. They are packed without gaps; each row starts at a whole byte (TIFF 6.0).
 *
 * @param perRow values in a row
 */
export function unpackBits(bytes: Uint8Array, bits: number, perRow: number, rows: number): SampleArray {
  const result = sampleArray(packedReadAs(bits), perRow * rows);
  const rowBytes = Math.ceil((perRow * bits) / 8);
  for (let row = 0; row < rows; row++) {
    let [at, held, value] = [row * rowBytes, 0, 0];
    for (let column = 0; column < perRow; column++) {
      while (held < bits) {
        // Up to 39 bits are held, so bitwise operators (32 bits) would overflow.
        value = value * 256 + (bytes[at++] ?? 0);
        held += 8;
      }
      const rest = 2 ** (held - bits);
      const whole = Math.floor(value / rest);
      result[row * perRow + column] = whole;
      value -= whole * rest;
      held -= bits;
    }
  }
  return result;
}
