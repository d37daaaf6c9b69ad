/** Reads uncompressed row-major or column-major arrays: NumPy and NIfTI. */
import { at, lastOf } from "../facts/checked-lists.ts";
import { rowMajor } from "../facts/row-major.ts";
import type { Strided } from "./axes.ts";
import { bytesOf, decodeSamples, readAs, type StoredType } from "./samples.ts";
import type { StoredArray } from "./stored-array.ts";

/** A file, or bytes in memory. */
export interface ByteRange {
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export function inMemory(bytes: Uint8Array): ByteRange {
  return {
    read: async (offset, length) => {
      if (offset + length > bytes.length) throw new Error("it is cut short");
      return bytes.slice(offset, offset + length);
    },
    close: async () => {},
  };
}

/** Boxes that span at most this many bytes are read at once, with the gaps between their rows: a read costs as much as thousands of bytes. */
const MOST_SPAN = 2 ** 22;

interface Layout {
  readonly bytes: ByteRange;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly type: StoredType;
  readonly littleEndian: boolean;
  /** Whether the first axis varies fastest. */
  readonly columnMajor: boolean;
}

/** Returns the array that starts at `offset` of a file. */
export function rawArray({ bytes, offset, shape, type, littleEndian, columnMajor }: Layout): StoredArray {
  const turned = <T>(list: readonly T[]): readonly T[] => (columnMajor ? [...list].reverse() : list);
  const sizes = turned(shape);
  const width = bytesOf(type);
  const steps = rowMajor(sizes).map((stride) => stride * width);
  return {
    shape,
    sampleType: readAs(type),
    chunks: turned(sizes.map((size, axis) => (axis === sizes.length - 1 ? size : 1))),
    read: async (asked): Promise<Strided> => {
      const ranges = turned(asked);
      const box = ranges.map(([from, to]) => to - from);
      const rowBytes = lastOf(box) * width;
      const lines = ranges.map(([from, to], axis) => ({ from, to, step: at(steps, axis) }));
      const target = new Uint8Array(box.reduce((product, size) => product * size, width));
      let filled = 0;
      /** Copies the rows of the box along `axis` and the axes after it. `source` begins at `start` in the file. */
      const pick = (axis: number, source: Uint8Array, start: number, place: number) => {
        const line = lines[axis];
        if (line === undefined) {
          target.set(source.subarray(place - start, place - start + rowBytes), filled);
          filled += rowBytes;
        } else if (axis === lines.length - 1) pick(axis + 1, source, start, place + line.from * width);
        else
          for (let index = line.from; index < line.to; index++)
            pick(axis + 1, source, start, place + index * line.step);
      };
      const copy = async (axis: number, place: number): Promise<void> => {
        // The span from the first to the last value of the rest of the box.
        let [first, end] = [place, place + width];
        for (const { from, to, step } of lines.slice(axis)) {
          first += from * step;
          end += (to - 1) * step;
        }
        const line = lines[axis];
        if (line === undefined || axis === lines.length - 1 || end - first <= MOST_SPAN)
          return pick(axis, await bytes.read(first, end - first), first, place);
        for (let index = line.from; index < line.to; index++) await copy(axis + 1, place + index * line.step);
      };
      await copy(0, offset);
      return {
        data: decodeSamples(target, type, littleEndian),
        strides: turned(rowMajor(box)),
      };
    },
    close: () => bytes.close(),
  };
}
