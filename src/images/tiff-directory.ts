/**
 * Reads the directories of a TIFF (TIFF 6.0, BigTIFF), one per page. All entries are validated: offsets lie in the file, lists fit
 * into it, and the chain of pages has no cycle.
 */

import { isUtf8 } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import type { FileBytes } from "./file-bytes.ts";
import { ImageError } from "./image.ts";

/** Bytes of one value, by field type. */
const TYPE_BYTES: Readonly<Record<number, number>> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  13: 4,
  16: 8,
  17: 8,
  18: 8,
};
const [RATIONAL, SIGNED_RATIONAL] = [5, 10];

export const TAG = {
  subfileType: 254,
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  description: 270,
  stripOffsets: 273,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  xResolution: 282,
  yResolution: 283,
  planar: 284,
  resolutionUnit: 296,
  software: 305,
  predictor: 317,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
  subDirectories: 330,
  sampleFormat: 339,
  jpegTables: 347,
  ycbcrSubsampling: 530,
  imageDepth: 32997,
  tileDepth: 32998,
  xmp: 700,
  olympusText: 33471,
  olympus: 33560,
  microManager: 51123,
  molecularDynamics: 33445,
  metamorphPlanes: 33629,
  lercParameters: 50674,
  gdalNoData: 42113,
  fluoView: 34361,
  zeissLsm: 34412,
  hamamatsu: 65420,
} as const;

/** Limit on texts and lists; OME-XML of large screens has tens of megabytes. */
const MOST_FIELD_BYTES = 2 ** 27;
/** Bytes per read, which often covers neighboring directories. */
const WINDOW = 2 ** 12;
/** Number of directories read before yielding to other work. */
const PAGES_AT_ONCE = 1024;
const MOST_PAGES = 1_000_000;
const MOST_DESCRIPTIONS = 8;

interface Field {
  readonly type: number;
  readonly count: number;
  /** Its values, if they are short enough to be stored in the directory. */
  readonly inline: Buffer | undefined;
  /** Otherwise the position of its values in the file. */
  readonly offset: number;
}

/** One page's fields. Values are read on demand. */
export class Directory {
  constructor(
    private readonly tiff: TiffFile,
    /** A tag's first field. */
    private readonly fields: ReadonlyMap<number, Field>,
    /** Descriptions: a page may have several, one for each program that reads them. */
    private readonly descriptions: readonly Field[],
    /** Where it lies in the file. */
    readonly offset: number,
  ) {}

  has(tag: number): boolean {
    return this.fields.has(tag);
  }

  /** Whether these fields are equal in both directories, or missing from both. False if a value is stored outside of a directory. */
  agrees(other: Directory, tags: readonly number[]): boolean {
    return tags.every((tag) => {
      const [own, others] = [this.fields.get(tag), other.fields.get(tag)];
      if (own === undefined || others === undefined) return own === others;
      const [inline, otherInline] = [own.inline, others.inline];
      return (
        own.type === others.type &&
        own.count === others.count &&
        inline !== undefined &&
        otherInline !== undefined &&
        inline.equals(otherInline)
      );
    });
  }

  /** Returns the number of values of a field; 0 if it is missing. */
  count(tag: number): number {
    return this.fields.get(tag)?.count ?? 0;
  }

  async number(tag: number): Promise<number | undefined> {
    return (await this.numbers(tag))[0];
  }

  /** Returns a field's numbers, rationals as quotients; empty if it is missing. */
  async numbers(tag: number): Promise<number[]> {
    const field = this.fields.get(tag);
    if (field === undefined) return [];
    return this.tiff.fieldNumbers(tag, field);
  }

  /** Returns a field's bytes; undefined if it is missing. */
  async bytes(tag: number): Promise<Uint8Array | undefined> {
    const field = this.fields.get(tag);
    return field && this.tiff.fieldBytes(tag, field);
  }

  /** Returns a field's text up to the first zero byte; empty if it is missing. */
  async text(tag: number): Promise<string> {
    return textOf((await this.bytes(tag)) ?? new Uint8Array());
  }

  /** Returns the texts of all ImageDescription fields. */
  async descriptionTexts(): Promise<string[]> {
    const texts: string[] = [];
    for (const field of this.descriptions)
      texts.push(textOf(await this.tiff.fieldBytes(TAG.description, field)));
    return texts;
  }
}

/** Decodes UTF-8, or Latin-1 if the bytes are no UTF-8: older programs write µ so. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const text = Buffer.from(end < 0 ? bytes : bytes.subarray(0, end));
  return text.toString(isUtf8(text) ? "utf8" : "latin1");
}

/** An open TIFF. */
export class TiffFile {
  private window: { readonly start: number; readonly bytes: Buffer } | undefined;

  private constructor(
    readonly bytes: FileBytes,
    readonly littleEndian: boolean,
    readonly big: boolean,
    private readonly first: number,
  ) {}

  static async open(bytes: FileBytes): Promise<TiffFile> {
    const header = await bytes.read(0, Math.min(16, bytes.size));
    const mark = header.toString("latin1", 0, 2);
    const [little, kind] = [mark === "II", header.length < 8 ? 0 : header[mark === "II" ? 2 : 3]];
    if ((!little && mark !== "MM") || (kind !== 42 && kind !== 43) || (kind === 43 && header.length < 16))
      throw new ImageError(bytes.path, `${bytes.path}: is no TIFF file.`);
    const big = kind === 43;
    const reader = new TiffFile(bytes, little, big, 0);
    const first = big ? reader.wide(header, 8) : reader.narrow(header, 4, 4);
    return new TiffFile(bytes, little, big, first);
  }

  /** Returns the directories of all pages, at least one. Throws {@link ImageError} if their chain is broken. */
  async directories(): Promise<Directory[]> {
    const found: Directory[] = [];
    const seen = new Set<number>();
    for (let offset = this.first; offset !== 0; ) {
      if (seen.has(offset) || found.length === MOST_PAGES)
        throw this.error("its pages go round in a circle: the file is damaged.");
      seen.add(offset);
      // Yields: files with many pages must not block the process.
      if (found.length % PAGES_AT_ONCE === PAGES_AT_ONCE - 1) await setImmediate();
      const { directory, next } = this.directoryAt(offset);
      found.push(directory);
      offset = next;
    }
    if (found.length === 0) throw this.error("is a TIFF without pages.");
    return found;
  }

  private directoryAt(offset: number): { directory: Directory; next: number } {
    const [countBytes, entryBytes, fieldBytes] = this.big ? [8, 20, 8] : [2, 12, 4];
    const head = this.cached(offset, countBytes);
    const count = this.big ? this.wide(head, 0) : this.narrow(head, 0, 2);
    if (count === 0 || count > 65_535)
      throw this.error("has a page without a directory: the file is damaged.");
    // Copied, so that the window can be freed. Inline values then need no second read, which would dominate the time to open a stack.
    const table = Buffer.from(this.cached(offset + countBytes, count * entryBytes + fieldBytes));
    const fields = new Map<number, Field>();
    const descriptions: Field[] = [];
    for (let entry = 0; entry < count; entry++) {
      const at = entry * entryBytes;
      const [tag, type] = [this.narrow(table, at, 2), this.narrow(table, at + 2, 2)];
      const values = this.offset(table, at + 4);
      const length = values * (TYPE_BYTES[type] ?? 0);
      const place = at + 4 + fieldBytes;
      const inline = length <= fieldBytes ? table.subarray(place, place + length) : undefined;
      const field = { type, count: values, inline, offset: this.offset(table, place) };
      // As in libtiff and Bio-Formats, the first of several fields counts.
      if (!fields.has(tag)) fields.set(tag, field);
      if (tag === TAG.description && descriptions.length < MOST_DESCRIPTIONS) descriptions.push(field);
    }
    return {
      directory: new Directory(this, fields, descriptions, offset),
      next: this.offset(table, count * entryBytes),
    };
  }

  /** Returns a field's bytes. Throws {@link ImageError} if its type is unknown, or the file does not hold them. */
  async fieldBytes(tag: number, field: Field): Promise<Buffer> {
    const { count, inline, offset } = field;
    const width = this.widthOf(tag, field);
    if (inline !== undefined) return inline;
    const length = count * width;
    if (offset + length > this.bytes.size || length > MOST_FIELD_BYTES)
      throw this.error(
        `its tag ${tag} promises ${count} values, which the file does not hold: it is damaged.`,
      );
    return length <= WINDOW ? this.cached(offset, length) : this.bytes.read(offset, length);
  }

  /** Returns a field's numbers; rationals as quotients. Throws {@link ImageError} as {@link fieldBytes} does. */
  async fieldNumbers(tag: number, field: Field): Promise<number[]> {
    const width = this.widthOf(tag, field);
    const bytes = await this.fieldBytes(tag, field);
    return Array.from({ length: field.count }, (_, at) => this.value(bytes, field.type, at * width, width));
  }

  private widthOf(tag: number, { type }: Field): number {
    const width = TYPE_BYTES[type];
    if (width === undefined) throw this.error(`its tag ${tag} has values of an unknown type (${type}).`);
    return width;
  }

  private value(bytes: Buffer, type: number, place: number, width: number): number {
    if (type === RATIONAL || type === SIGNED_RATIONAL) {
      const signed = type === SIGNED_RATIONAL;
      return this.narrow(bytes, place, 4, signed) / this.narrow(bytes, place + 4, 4, signed);
    }
    if (type === 11) return this.littleEndian ? bytes.readFloatLE(place) : bytes.readFloatBE(place);
    if (type === 12) return this.littleEndian ? bytes.readDoubleLE(place) : bytes.readDoubleBE(place);
    if (width === 8) return this.wide(bytes, place);
    return this.narrow(bytes, place, width, type === 6 || type === 8 || type === 9);
  }

  /** Returns the 32-bit integer at an offset. */
  async numberAt(offset: number): Promise<number> {
    return this.narrow(await this.bytes.read(offset, 4), 0, 4);
  }

  error(what: string): ImageError {
    return new ImageError(this.bytes.path, `${this.bytes.path}: ${what}`);
  }

  private offset(bytes: Buffer, at: number): number {
    return this.big ? this.wide(bytes, at) : this.narrow(bytes, at, 4);
  }

  private narrow(bytes: Buffer, at: number, width: number, signed = false): number {
    if (signed) return this.littleEndian ? bytes.readIntLE(at, width) : bytes.readIntBE(at, width);
    return this.littleEndian ? bytes.readUIntLE(at, width) : bytes.readUIntBE(at, width);
  }

  private wide(bytes: Buffer, at: number): number {
    return Number(this.littleEndian ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  }

  /** Returns bytes from the last window; reads a new window if it does not cover them. */
  private cached(offset: number, length: number): Buffer {
    const { window } = this;
    if (
      window !== undefined &&
      offset >= window.start &&
      offset + length <= window.start + window.bytes.length
    )
      return window.bytes.subarray(offset - window.start, offset - window.start + length);
    if (offset + length > this.bytes.size) throw this.error("is cut short, or damaged. Copy it again.");
    const bytes = this.bytes.readNow(offset, Math.min(Math.max(length, WINDOW), this.bytes.size - offset));
    this.window = { start: offset, bytes };
    return bytes.subarray(0, length);
  }
}
