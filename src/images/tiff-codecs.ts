/**
 * Decodes LZW and PackBits (TIFF 6.0, sections 9 and 13) up to the size of a strip or tile. geotiff's decoders have no limit: damaged
 * data would make their arrays too long, and V8 would end the process.
 */
import { UnreadCompression } from "./picture.ts";

const [CLEAR, END, FIRST_FREE, MOST_CODES] = [256, 257, 258, 4096];

/** Decodes LZW with codes of 9 to 12 bits, highest bit first. Stops after `size` bytes. */
export function decodeLzw(bytes: Uint8Array, size: number): Uint8Array {
  // Data start with a clear code: highest bit first since TIFF 5.0, lowest bit first before.
  if (bytes[0] === 0 && ((bytes[1] ?? 0) & 1) === 1) throw new UnreadCompression("LZW of TIFF before 5.0");
  const output = new Uint8Array(size);
  // Each code stands for the bytes of an earlier code plus one byte.
  const prefix = new Uint16Array(MOST_CODES);
  const suffix = new Uint8Array(MOST_CODES);
  const lengths = new Uint16Array(MOST_CODES).fill(1);
  for (let code = 0; code < CLEAR; code++) suffix[code] = code;
  let [free, width, previous, written] = [FIRST_FREE, 9, -1, 0];
  let [held, bits, at] = [0, 0, 0];
  while (written < size) {
    while (bits < width && at < bytes.length) {
      held = ((held << 8) | (bytes[at++] ?? 0)) & 0xffffff;
      bits += 8;
    }
    if (bits < width) break;
    const code = (held >> (bits - width)) & ((1 << width) - 1);
    bits -= width;
    if (code === END) break;
    if (code === CLEAR) {
      [free, width, previous] = [FIRST_FREE, 9, -1];
      continue;
    }
    if (code > free || (code >= CLEAR && previous < 0)) throw new Error("damaged LZW data");
    const known = code < free;
    const source = known ? code : previous;
    const sourceLength = lengths[source] ?? 0;
    const length = sourceLength + (known ? 0 : 1);
    let place = written + sourceLength - 1;
    // The bytes of a code are found from the last one to the first.
    let rest = source;
    for (; (lengths[rest] ?? 0) > 1; rest = prefix[rest] ?? 0, place--)
      if (place < size) output[place] = suffix[rest] ?? 0;
    const first = suffix[rest] ?? 0;
    if (place < size) output[place] = first;
    if (!known && written + length <= size) output[written + length - 1] = first;
    if (previous >= 0 && free < MOST_CODES) {
      prefix[free] = previous;
      suffix[free] = first;
      lengths[free] = (lengths[previous] ?? 0) + 1;
      free++;
    }
    written += length;
    previous = code;
    // TIFF widens codes one entry early.
    if (free + 1 >= 1 << width && width < 12) width++;
  }
  return output.subarray(0, Math.min(written, size));
}

/** Decodes PackBits: runs and literal bytes. Stops after `size` bytes. */
export function decodePackBits(bytes: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size);
  let written = 0;
  for (let at = 0; at < bytes.length && written < size; ) {
    const count = bytes[at++] ?? 0;
    if (count === 128) continue;
    if (count < 128) {
      const part = bytes.subarray(at, at + Math.min(count + 1, size - written));
      output.set(part, written);
      written += part.length;
      at += count + 1;
    } else {
      const end = Math.min(written + 257 - count, size);
      output.fill(bytes[at++] ?? 0, written, end);
      written = end;
    }
  }
  return output.subarray(0, written);
}
