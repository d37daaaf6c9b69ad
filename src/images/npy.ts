/** Reads NumPy files: an array (.npy), or the array of an archive (.npz) that is most like an image. */
import { stat } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { unzipSync } from "fflate";
import { product } from "../facts/checked-lists.ts";
import { NPY_START, npyDataStart, parseNpyHeader } from "../facts/files/npy-header.ts";
import { chooseArray } from "./choose-array.ts";
import { FileBytes, readSmallFile } from "./file-bytes.ts";
import { ImageError, type OpenOptions } from "./image.ts";
import { type ByteRange, inMemory, rawArray } from "./raw-array.ts";
import { bytesOf, numpyType, type StoredType } from "./samples.ts";
import type { Probe } from "./stored-array.ts";

interface NpyArray {
  readonly descr: string;
  readonly type: StoredType | undefined;
  readonly littleEndian: boolean;
  readonly columnMajor: boolean;
  readonly shape: readonly number[];
  readonly dataStart: number;
}

const MOST_HEADER_BYTES = 2 ** 20;

async function readHeader(path: string, bytes: ByteRange, size: number): Promise<NpyArray> {
  const start = Buffer.from(await bytes.read(0, Math.min(NPY_START, size)));
  const dataStart = npyDataStart(start);
  if (dataStart === undefined) throw new ImageError(path, `${path}: is no NumPy array (.npy).`);
  if (dataStart > Math.min(size, MOST_HEADER_BYTES))
    throw new ImageError(path, `${path}: its header is damaged.`);
  const header = parseNpyHeader(Buffer.from(await bytes.read(0, dataStart)), dataStart);
  if (header === undefined)
    throw new ImageError(path, `${path}: holds records or a damaged header, not an array of numbers.`);
  const type = numpyType(header.descr);
  const values = product(header.shape);
  if (type !== undefined && dataStart + values * bytesOf(type) > size)
    throw new ImageError(
      path,
      `${path}: is cut short: it should hold ${header.shape.join(" x ")} values. Copy it again.`,
    );
  return { ...header, type, littleEndian: !header.descr.startsWith(">") };
}

function probeOf(path: string, header: NpyArray, bytes: ByteRange, more: Partial<Probe>): Probe {
  const { type, descr, shape, littleEndian, columnMajor, dataStart } = header;
  if (type === undefined)
    throw new ImageError(path, `${path}: its values are of type ${descr}, which is not read.`);
  return {
    format: "NumPy",
    storedType: type,
    compression: "none",
    others: [],
    ...more,
    array: rawArray({ bytes, offset: dataStart, shape, type, littleEndian, columnMajor }),
  };
}

export async function probeNpy(path: string): Promise<Probe> {
  const file = await FileBytes.open(path);
  try {
    return probeOf(path, await readHeader(path, file, file.size), file, {});
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Limit on an archive with its unpacked arrays: both lie in memory. */
const MOST_ARCHIVE_BYTES = 640e6;

/** Returns the members' checksums from an archive's directory (APPNOTE 6.3.10, 4.3.12), which the package does not check. */
function zipChecksums(archive: Buffer): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const end = archive.lastIndexOf("PK\x05\x06", undefined, "latin1");
  if (end < 0 || end + 22 > archive.length) return found;
  for (let at = archive.readUInt32LE(end + 16); at + 46 <= end; ) {
    const [name, extra, comment] = [28, 30, 32].map((place) => archive.readUInt16LE(at + place));
    if (archive.toString("latin1", at, at + 4) !== "PK\x01\x02" || name === undefined) break;
    found.set(archive.toString("utf8", at + 46, at + 46 + name), archive.readUInt32LE(at + 16));
    at += 46 + name + (extra ?? 0) + (comment ?? 0);
  }
  return found;
}

export async function probeNpz(path: string, { inside }: OpenOptions): Promise<Probe> {
  const tooLarge = () =>
    new ImageError(
      path,
      `${path}: its archive and its arrays are more than ${MOST_ARCHIVE_BYTES / 1e6} MB. Save its array as .npy.`,
    );
  if ((await stat(path)).size > MOST_ARCHIVE_BYTES) throw tooLarge();
  const archive = await readSmallFile(path, MOST_ARCHIVE_BYTES);
  let total = archive.length;
  const files = unzipSync(archive, {
    filter: ({ name, originalSize }) => {
      total += originalSize;
      if (total > MOST_ARCHIVE_BYTES) throw tooLarge();
      return name.endsWith(".npy");
    },
  });
  const checksums = zipChecksums(archive);
  const arrays = await Promise.all(
    Object.entries(files).map(async ([name, bytes]) => {
      const checksum = checksums.get(name);
      if (checksum !== undefined && checksum !== crc32(bytes))
        throw new ImageError(path, `${path}: its array ${name} does not fit its checksum: it is damaged.`);
      const header = await readHeader(path, inMemory(bytes), bytes.length);
      return {
        place: name.slice(0, -4),
        shape: header.shape,
        numeric: header.type !== undefined,
        header,
        bytes,
      };
    }),
  );
  const asked = inside === undefined ? arrays : arrays.filter(({ place }) => place === inside);
  const choice = chooseArray(asked);
  if (choice === undefined) {
    const names = arrays.map(({ place }) => place).join(", ");
    throw new ImageError(
      path,
      `${path}: holds no image${inside === undefined ? "" : ` ${inside}`}; it holds ${names || "nothing"}.`,
    );
  }
  const { header, bytes, place } = choice.chosen;
  return probeOf(path, header, inMemory(bytes), {
    format: "NumPy archive",
    compression: "zip",
    dataset: place,
    others: choice.others.map((other) => other.place),
  });
}
