/** Values of HDF5 datasets: their types, and boxes of them. */
import * as h5wasm from "h5wasm/node";
import { atLeast } from "../facts/checked-lists.ts";
import { rowMajor } from "../facts/row-major.ts";
import type { Strided } from "./axes.ts";
import { bytesOf, decodeSamples, type StoredType, storedType } from "./samples.ts";

type Metadata = h5wasm.Dataset["metadata"];

/** Returns a dataset's type, or a name for values that no image has. */
export function storedTypeOf({
  type,
  size,
  signed,
  enum_type,
}: Metadata): StoredType | { readonly other: string } {
  const { H5T_class_t: kinds } = h5wasm.Module;
  if (type === kinds.H5T_ENUM.value) {
    const names = Object.keys(enum_type?.members ?? {}).sort();
    if (names.join() === "FALSE,TRUE") return "bool";
    return integer(size, signed) ?? { other: "enumerated values" };
  }
  if (type === kinds.H5T_INTEGER.value) return integer(size, signed) ?? { other: `${8 * size}-bit integers` };
  if (type === kinds.H5T_FLOAT.value && size > 1)
    return storedType(`float${8 * size}`) ?? { other: `${8 * size}-bit floats` };
  if (type === kinds.H5T_COMPOUND.value) return { other: "compound values" };
  return { other: type === kinds.H5T_STRING.value ? "text" : "values that are no numbers" };
}

function integer(size: number, signed: boolean): StoredType | undefined {
  return storedType(`${signed ? "int" : "uint"}${8 * size}`);
}

/** Bytes per read: the library's memory grows with them and never shrinks. */
const MOST_BYTES = 2 ** 27;

/** Reads a box of a dataset in parts along its first axis. The library converts the byte order. Throws the library's errors. */
export function readBox(
  dataset: h5wasm.Dataset,
  type: StoredType,
  ranges: readonly (readonly [from: number, to: number])[],
): Strided {
  const sizes = ranges.map(([from, to]) => to - from);
  const width = bytesOf(type);
  const row = sizes.slice(1).reduce((product, size) => product * size, width);
  const [[start, end], ...inner] = atLeast(ranges, 1, "A box of a dataset");
  const bytes = new Uint8Array(row * (end - start));
  const most = Math.max(1, Math.floor(MOST_BYTES / row));
  for (let from = start; from < end; from += most) {
    const to = Math.min(from + most, end);
    readInto(bytes.subarray((from - start) * row, (to - start) * row), dataset, [[from, to], ...inner]);
  }
  return { data: decodeSamples(bytes, type, true), strides: rowMajor(sizes) };
}

/** Fills `bytes` with a box of a dataset: the only copy that is made of its values. */
function readInto(
  bytes: Uint8Array,
  { file_id, path }: h5wasm.Dataset,
  ranges: readonly (readonly [from: number, to: number])[],
): void {
  const { Module } = h5wasm;
  const { length } = bytes;
  const pointer = Module._malloc(length);
  if (pointer === 0) throw new Error(`${length} bytes of memory cannot be had`);
  try {
    const count = ranges.map(([from, to]) => BigInt(to - from));
    const offset = ranges.map(([from]) => BigInt(from));
    const strides = ranges.map(() => 1n);
    const status = Module.get_dataset_data(file_id, path, count, offset, strides, BigInt(pointer));
    if (status < 0) throw new Error("the library cannot read it");
    bytes.set(Module.HEAPU8.subarray(pointer, pointer + length));
  } finally {
    Module._free(pointer);
  }
}
