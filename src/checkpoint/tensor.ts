/** Tensors of checkpoints: described when the file is opened, read on demand. Bytes are little-endian, as on all of Node's platforms. */

import { Float16Array } from "@petamoriken/float16";
import { product } from "../facts/checked-lists.ts";
import { rowMajor } from "../facts/row-major.ts";

/** Values of a tensor in row-major order. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

interface DTypeInfo {
  readonly bytes: number;
  /** Returns bytes as numbers. `float16` and `bfloat16` become float32, `bool` becomes 0 and 1. */
  decode(bytes: Uint8Array): TensorData;
}

const dtypes = {
  float32: { bytes: 4, decode: (b) => new Float32Array(b.buffer, b.byteOffset, b.byteLength / 4) },
  float64: { bytes: 8, decode: (b) => new Float64Array(b.buffer, b.byteOffset, b.byteLength / 8) },
  float16: {
    bytes: 2,
    decode: (b) => decodeFloat16(new Uint16Array(b.buffer, b.byteOffset, b.byteLength / 2)),
  },
  bfloat16: {
    bytes: 2,
    decode: (b) => decodeBfloat16(new Uint16Array(b.buffer, b.byteOffset, b.byteLength / 2)),
  },
  int8: { bytes: 1, decode: (b) => new Int8Array(b.buffer, b.byteOffset, b.byteLength) },
  uint8: { bytes: 1, decode: (b) => b },
  int16: { bytes: 2, decode: (b) => new Int16Array(b.buffer, b.byteOffset, b.byteLength / 2) },
  uint16: { bytes: 2, decode: (b) => new Uint16Array(b.buffer, b.byteOffset, b.byteLength / 2) },
  int32: { bytes: 4, decode: (b) => new Int32Array(b.buffer, b.byteOffset, b.byteLength / 4) },
  uint32: { bytes: 4, decode: (b) => new Uint32Array(b.buffer, b.byteOffset, b.byteLength / 4) },
  int64: { bytes: 8, decode: (b) => new BigInt64Array(b.buffer, b.byteOffset, b.byteLength / 8) },
  uint64: { bytes: 8, decode: (b) => new BigUint64Array(b.buffer, b.byteOffset, b.byteLength / 8) },
  bool: { bytes: 1, decode: (b) => b },
} satisfies Record<string, DTypeInfo>;

/** The type of a tensor's elements, by PyTorch's name. */
export type DType = keyof typeof dtypes;

export function isDType(name: string): name is DType {
  return Object.hasOwn(dtypes, name);
}

export function bytesPerElement(dtype: DType): number {
  return dtypes[dtype].bytes;
}

/**
 * Reads a tensor's values in row-major order.
 *
 * @param into where given, it has the exact length, is filled and returned
 */
type TensorBytes = (into?: Uint8Array) => Promise<Uint8Array>;

/** A tensor of a checkpoint, in memory or still in its file. */
export class CheckpointTensor {
  constructor(
    readonly dtype: DType,
    readonly shape: readonly number[],
    /** Strides in the file, in elements. Reading returns row-major order. */
    readonly strides: readonly number[],
    /** Reads the values in row-major order, undecoded. */
    readonly bytes: TensorBytes,
  ) {}

  /**
   * Returns a tensor of values in memory. They are not copied, and must not change until the tensor is written.
   *
   * @param dtype required where the array is ambiguous: `bool` (Uint8Array of 0 and 1), `float16` and `bfloat16` (Uint16Array of bits)
   */
  static of(data: TensorData, shape: readonly number[], dtype: DType = dtypeOf(data)): CheckpointTensor {
    const stored = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (stored.byteLength !== product(shape) * bytesPerElement(dtype))
      throw new RangeError(`${data.length} values cannot fill a ${dtype} tensor of shape [${shape}]`);
    return new CheckpointTensor(dtype, shape, rowMajor(shape), async (into) => {
      into?.set(stored);
      return into ?? stored;
    });
  }

  /** Number of values. */
  get size(): number {
    return product(this.shape);
  }

  /** Size of the values in bytes. */
  get byteLength(): number {
    return this.size * bytesPerElement(this.dtype);
  }

  /** Reads the values in their own type. `float16` and `bfloat16` become float32, `bool` becomes 0 and 1. */
  async read(): Promise<TensorData>;
  /** Reads the values as float32 into `into`, which has their exact number. Float32 values are read directly from the file. */
  async read(into: Float32Array): Promise<Float32Array>;
  async read(into?: Float32Array): Promise<TensorData> {
    if (!into) return dtypes[this.dtype].decode(await this.bytes());
    if (into.length !== this.size)
      throw new RangeError(`a tensor of shape [${this.shape}] does not fit in ${into.length} values`);
    if (this.dtype === "float32") {
      await this.bytes(new Uint8Array(into.buffer, into.byteOffset, into.byteLength));
      return into;
    }
    const values = dtypes[this.dtype].decode(await this.bytes());
    if (values instanceof BigInt64Array || values instanceof BigUint64Array)
      into.set(Array.from(values, Number));
    else into.set(values);
    return into;
  }
}

function dtypeOf(data: TensorData): DType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof Int8Array) return "int8";
  if (data instanceof Uint8Array) return "uint8";
  if (data instanceof Int16Array) return "int16";
  if (data instanceof Uint16Array) return "uint16";
  if (data instanceof Int32Array) return "int32";
  if (data instanceof Uint32Array) return "uint32";
  return data instanceof BigInt64Array ? "int64" : "uint64";
}

function decodeBfloat16(bits: Uint16Array): Float32Array {
  const wide = Uint32Array.from(bits, (half) => half << 16);
  return new Float32Array(wide.buffer);
}

function decodeFloat16(bits: Uint16Array): Float32Array {
  float16Values ??= Float32Array.from(
    new Float16Array(Uint16Array.from({ length: 2 ** 16 }, (_, half) => half).buffer),
  );
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = float16Values[bits[i] ?? 0] ?? 0;
  return values;
}

/** All float16 values by their bits, computed on first use: reading the library's arrays one by one is slower. */
let float16Values: Float32Array | undefined;
