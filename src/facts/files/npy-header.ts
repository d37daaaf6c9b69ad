/** Headers of NumPy's `.npy` files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html (1.0 to 3.0). */

/** What a header says about the values of a file. */
export interface NpyHeader {
  /** NumPy's name of the type, such as `<u2`. */
  readonly descr: string;
  /** Whether the first axis varies fastest (`fortran_order`). */
  readonly columnMajor: boolean;
  readonly shape: readonly number[];
  /** Offset of the values in the file. */
  readonly dataStart: number;
}

const NPY_MAGIC = "\x93NUMPY";

/** Number of bytes of a file that {@link npyDataStart} needs: magic, version and the header's length. */
export const NPY_START = 12;

/** Returns the offset of the values, from a file's first bytes; undefined if it is not a `.npy` file. */
export function npyDataStart(start: Buffer): number | undefined {
  if (start.length < NPY_START || start.toString("latin1", 0, NPY_MAGIC.length) !== NPY_MAGIC)
    return undefined;
  return start[6] === 1 ? 10 + start.readUInt16LE(8) : 12 + start.readUInt32LE(8);
}

/** Parses the header of values that begin at `dataStart`; undefined if it is damaged, or the values are records. */
export function parseNpyHeader(bytes: Buffer, dataStart: number): NpyHeader | undefined {
  const header = bytes.toString("latin1", bytes[6] === 1 ? 10 : 12, dataStart);
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (descr === undefined || shape === undefined) return undefined;
  return {
    descr,
    columnMajor: /'fortran_order':\s*True/.test(header),
    shape: (shape.match(/\d+/g) ?? []).map(Number),
    dataStart,
  };
}

/** Returns the header (NPY 1.0) of a row-major array. Its length is a multiple of 64, and it ends with a newline. */
export function npyHeader(descr: string, shape: readonly number[]): Buffer {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const length = Math.ceil((10 + header.length + 1) / 64) * 64 - 10;
  const bytes = Buffer.alloc(10 + length, " ");
  bytes.write(`${NPY_MAGIC}\x01\x00`, "latin1");
  bytes.writeUInt16LE(length, 8);
  bytes.write(header, 10);
  bytes.write("\n", bytes.length - 1);
  return bytes;
}
