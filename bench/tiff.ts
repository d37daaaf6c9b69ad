import { open } from "node:fs/promises";

/** Writes a TIFF of 1 GB: 512 pages of 1024 x 1024 pixels. */
export const writeGigabyte = (path: string): Promise<void> => writeTiff(path, 512, 1024);

/** Writes an uncompressed 16-bit TIFF of square pages. */
export async function writeTiff(path: string, pages: number, side: number): Promise<void> {
  const bytes = side * side * 2;
  const entries = 10;
  const directoryBytes = 2 + entries * 12 + 4;
  const file = await open(path, "w");
  const header = Buffer.from("49492a0000000000", "hex");
  header.writeUInt32LE(8 + bytes, 4);
  await file.write(header);
  const pixels = new Uint16Array(side * side);
  for (let page = 0; page < pages; page++) {
    for (let at = 0; at < pixels.length; at++) pixels[at] = ((at * 7) ^ (at >> 9)) & 0xfff;
    const start = 8 + page * (bytes + directoryBytes);
    const directory = Buffer.alloc(directoryBytes);
    directory.writeUInt16LE(entries, 0);
    const tags = [
      [256, side],
      [257, side],
      [258, 16],
      [259, 1],
      [262, 1],
      [273, start],
      [277, 1],
      [278, side],
      [279, bytes],
      [339, 1],
    ];
    for (const [at, [tag, value]] of tags.entries()) {
      directory.writeUInt16LE(tag, 2 + at * 12);
      directory.writeUInt16LE(4, 4 + at * 12);
      directory.writeUInt32LE(1, 6 + at * 12);
      directory.writeUInt32LE(value, 10 + at * 12);
    }
    const next = page === pages - 1 ? 0 : start + bytes + directoryBytes + bytes;
    directory.writeUInt32LE(next, directoryBytes - 4);
    await file.write(Buffer.from(pixels.buffer));
    await file.write(directory);
  }
  await file.close();
}
