/**
 * NumPy's `.npy` files, such as BiaPy's `normalization_mean_value.npy`. Spec: NPY format 1.0 (and 2.0, 3.0 when reading),
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { keysOf, product } from "../facts/checked-lists.ts";
import { type NpyHeader, npyDataStart, npyHeader, parseNpyHeader } from "../facts/files/npy-header.ts";
import { rowMajor } from "../facts/row-major.ts";
import { CheckpointError } from "./checkpoint-error.ts";
import { RandomAccessFile, writeAt, writeCheckpointFile } from "./files.ts";
import { bytesPerElement, CheckpointTensor, type DType, type TensorData } from "./tensor.ts";

/** An array of a `.npy` file. */
export interface NpyArray {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: TensorData;
}

const descriptors: Readonly<Partial<Record<DType, string>>> = {
  float32: "<f4",
  float64: "<f8",
  float16: "<f2",
  int8: "|i1",
  uint8: "|u1",
  int16: "<i2",
  uint16: "<u2",
  int32: "<i4",
  uint32: "<u4",
  int64: "<i8",
  uint64: "<u8",
  bool: "|b1",
};

/** Reads an array. float16 becomes float32, bool becomes 0 and 1. Throws `CheckpointError`. */
export async function readNpy(path: string): Promise<NpyArray> {
  const file = await readWhole(path);
  const dataStart = npyDataStart(file);
  const header = dataStart === undefined ? undefined : parseNpyHeader(file, dataStart);
  if (dataStart === undefined || header === undefined)
    throw new CheckpointError(path, "is not a NumPy array (.npy) of numbers.");
  const { dtype, shape } = arrayOf(path, header);
  const length = product(shape) * bytesPerElement(dtype);
  if (dataStart + length > file.length) throw new CheckpointError(path, "was cut short.");
  // A copy, since a view must be aligned to its element size.
  const values = new Uint8Array(file.subarray(dataStart, dataStart + length));
  const tensor = new CheckpointTensor(dtype, shape, rowMajor(shape), async () => values);
  return { shape, data: await tensor.read() };
}

async function readWhole(path: string): Promise<Buffer> {
  const file = await RandomAccessFile.open(path);
  try {
    if (file.size > LARGEST)
      throw new CheckpointError(path, `has ${file.size} bytes; at most ${LARGEST} are supported.`);
    const bytes = Buffer.alloc(file.size);
    await file.read(0, bytes);
    return bytes;
  } finally {
    await file.close();
  }
}

/** Maximum size of a file, in bytes. */
const LARGEST = 2 ** 31;

/** Writes an array as NPY 1.0. */
export async function writeNpy(path: string, { shape, data }: NpyArray): Promise<void> {
  const tensor = CheckpointTensor.of(data, shape);
  const head = npyHeader(descriptors[tensor.dtype] ?? "", shape);
  await writeCheckpointFile(path, async (handle) => {
    await writeAt(handle, head, 0);
    await writeAt(handle, await tensor.bytes(), head.length);
  });
}

function arrayOf(path: string, { descr, columnMajor, shape }: NpyHeader) {
  const dtype = keysOf(descriptors).find((name) => descriptors[name] === descr);
  if (!dtype) throw new CheckpointError(path, `has values of type ${descr}, which is not supported.`);
  if (columnMajor && shape.length > 1)
    throw new CheckpointError(path, "is in column-major order. Save it with numpy.ascontiguousarray.");
  return { dtype, shape };
}
