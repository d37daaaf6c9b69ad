/** A directory entry of a TIFF. `value` is a single value, or the offset of several. */
export type Entry = readonly [tag: number, type: number, count: number, value: number];

/** Returns the length of a TIFF with a directory of this many entries. */
export const tiffBytes = (entries: number): number => 8 + 2 + 12 * entries + 4;

/**
 * Returns a little-endian TIFF with one directory, right or wrong.
 *
 * @param next offset of the next directory; 0 for none
 * @param bytes zeros after the directory
 */
export function tiff(entries: readonly Entry[], next = 0, bytes = 0): Buffer {
  const file = Buffer.alloc(tiffBytes(entries.length) + bytes);
  file.write("II*\0", "latin1");
  file.writeUInt32LE(8, 4);
  file.writeUInt16LE(entries.length, 8);
  entries.forEach(([tag, type, count, value], index) => {
    const at = 10 + 12 * index;
    file.writeUInt16LE(tag, at);
    file.writeUInt16LE(type, at + 2);
    file.writeUInt32LE(count, at + 4);
    file.writeUInt32LE(value, at + 8);
  });
  file.writeUInt32LE(next, 10 + 12 * entries.length);
  return file;
}
