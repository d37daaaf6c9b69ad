/** Images in NIfTI files (.nii, .nii.gz; NIfTI-1 and NIfTI-2, https://nifti.nimh.nih.gov). x varies fastest. */

import { createGunzip } from "node:zlib";
import { isNIFTI, readHeader } from "nifti-reader-js";
import { inflateGzip } from "./decompress.ts";
import { FileBytes } from "./file-bytes.ts";
import { ImageError, type PixelSize, sampleArray } from "./image.ts";
import { pixelSize } from "./pixel-size.ts";
import { type ByteRange, inMemory, rawArray } from "./raw-array.ts";
import { bytesOf, type StoredType } from "./samples.ts";
import type { Probe, StoredArray } from "./stored-array.ts";

/** Types by NIfTI's codes. */
const TYPES: Readonly<Record<number, StoredType>> = {
  2: "uint8",
  4: "int16",
  8: "int32",
  16: "float32",
  64: "float64",
  256: "int8",
  512: "uint16",
  768: "uint32",
  1024: "int64",
  1280: "uint64",
};

/** Sizes of NIfTI-2's and NIfTI-1's header with extension flags. */
const [HEADER_BYTES, SHORT_HEADER_BYTES] = [544, 352];
/** What a NIfTI-2 header says of its size. */
const SIZE_OF_SECOND = 540;
/** x, y, z, time points and channels. Of seven axes that a header may name, the others must have one entry. */
const MOST_AXES = 5;
/** Limit on unpacked bytes, which are kept while the file is open. */
const MOST_BYTES = 640e6;

export async function probeNifti(path: string): Promise<Probe> {
  const file = await FileBytes.open(path);
  try {
    const start = await file.read(0, Math.min(file.size, 2));
    const zipped = start[0] === 0x1f && start[1] === 0x8b;
    const head = zipped ? await unzippedStart(file) : await file.read(0, Math.min(file.size, HEADER_BYTES));
    const header = headerOf(path, head);
    const needed =
      header.offset + header.shape.reduce((product, size) => product * size, bytesOf(header.type));
    if (zipped && needed > MOST_BYTES)
      throw new ImageError(path, `${path}: unpacks to ${needed} bytes. Save it without compression (.nii).`);
    if (!zipped && needed > file.size)
      throw new ImageError(path, `${path}: is cut short: it should hold ${needed} bytes. Copy it again.`);
    const bytes: ByteRange = zipped
      ? lazily(
          () => unzipped(file, needed),
          () => file.close(),
        )
      : file;
    const { type, shape, littleEndian, offset } = header;
    const raw = rawArray({ bytes, offset, shape, type, littleEndian, columnMajor: true });
    return {
      format: "NIfTI",
      axes: { order: "XYZTC".slice(0, shape.length), reason: "NIfTI's header says so" },
      storedType: type,
      compression: zipped ? "gzip" : "none",
      others: [],
      pixelSize: header.pixelSize,
      array: scaled(raw, header.slope, header.intercept),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

interface Header {
  readonly shape: readonly number[];
  readonly type: StoredType;
  readonly littleEndian: boolean;
  readonly offset: number;
  readonly slope: number;
  readonly intercept: number;
  readonly pixelSize?: PixelSize;
}

const UNITS: Readonly<Record<number, string>> = { 1: "m", 2: "mm", 3: "µm" };

function headerOf(path: string, head: Uint8Array): Header {
  const bytes = new Uint8Array(head).buffer;
  if (!isNIFTI(bytes)) throw new ImageError(path, `${path}: is no NIfTI file.`);
  const header = readHeader(bytes);
  const { dims, pixDims, datatypeCode, littleEndian, vox_offset, scl_slope, scl_inter, xyzt_units } = header;
  const type = TYPES[datatypeCode];
  if (type === undefined)
    throw new ImageError(path, `${path}: its values are of NIfTI's type ${datatypeCode}, which is not read.`);
  const [count = 0, ...sizes] = dims;
  const stored = sizes.slice(0, count).map(Number);
  const shape = stored.slice(0, MOST_AXES);
  if (count < 2 || stored.length !== count || stored.some((size) => !(size >= 1)))
    throw new ImageError(path, `${path}: has ${count} axes; images have two to five.`);
  if (stored.slice(MOST_AXES).some((size) => size > 1))
    throw new ImageError(
      path,
      `${path}: has ${count} axes (${stored.join(" x ")}); images have two to five. Save each entry of its last axes in a file of its own.`,
    );
  const offset = Number(vox_offset);
  const second = new DataView(bytes).getInt32(0, littleEndian) === SIZE_OF_SECOND;
  // The magic is "n+1" or "n+2" if the pixels are in the same file.
  if (
    Buffer.from(bytes)
      .toString("latin1", second ? 4 : 344)
      .startsWith("ni")
  )
    throw new ImageError(
      path,
      `${path}: is the header of a pair (.hdr and .img). Save it as one file (.nii).`,
    );
  if (!(offset >= (second ? HEADER_BYTES : SHORT_HEADER_BYTES)))
    throw new ImageError(path, `${path}: says that its pixels begin at the offset ${offset}, in its header.`);
  const real = Number.isFinite(scl_slope) && scl_slope !== 0;
  return {
    shape,
    type,
    littleEndian,
    offset,
    slope: real ? scl_slope : 1,
    intercept: real && Number.isFinite(scl_inter) ? scl_inter : 0,
    pixelSize: pixelSize({ x: pixDims[1], y: pixDims[2], z: pixDims[3] }, UNITS[xyzt_units & 7]),
  };
}

/** Scales values by `slope` and `intercept` in float64, as nibabel does. */
function scaled(array: StoredArray, slope: number, intercept: number): StoredArray {
  if (slope === 1 && intercept === 0) return array;
  return {
    ...array,
    sampleType: "float64",
    read: async (ranges) => {
      const { data, strides } = await array.read(ranges);
      const values = sampleArray("float64", data.length);
      for (let at = 0; at < data.length; at++) values[at] = (data[at] ?? 0) * slope + intercept;
      return { data: values, strides };
    },
  };
}

async function unzippedStart(file: FileBytes): Promise<Uint8Array> {
  const start = await file.read(0, Math.min(file.size, 65_536));
  return new Promise((resolve, reject) => {
    const unzip = createGunzip();
    unzip.on("data", (part: Buffer) => {
      resolve(part.subarray(0, HEADER_BYTES));
      unzip.destroy();
    });
    unzip.on("error", reject);
    unzip.on("end", () => reject(new Error("it is empty")));
    unzip.end(start);
  });
}

async function unzipped(file: FileBytes, needed: number): Promise<Uint8Array> {
  const bytes = await inflateGzip(await file.read(0, file.size), needed + 2 ** 20, needed);
  if (bytes.length < needed) throw new Error("it is cut short");
  return bytes;
}

/** Bytes that are unpacked on the first read. */
function lazily(make: () => Promise<Uint8Array>, close: () => Promise<void>): ByteRange {
  let made: Promise<ByteRange> | undefined;
  return {
    read: async (offset, length) => {
      made ??= make().then(inMemory);
      return (await made).read(offset, length);
    },
    close,
  };
}
