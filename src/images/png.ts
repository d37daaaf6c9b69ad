/** Decodes PNG (PNG 3rd edition). */
import { decode } from "fast-png";
import type { Picture } from "./picture.ts";
import { unpackBits } from "./samples.ts";

/** Factors of 2-bit and 4-bit gray to the range of 8 bits. */
const GRAY_SCALES: Readonly<Record<number, number>> = { 2: 85, 4: 17 };

/** Decodes a PNG. Palettes become RGB. As in Python's readers, 2-bit and 4-bit gray is scaled to 8 bits, and 1-bit gray stays 0 or 1. */
export function decodePng(bytes: Uint8Array): Picture {
  const { width, height, channels, depth, data, palette } = decode(bytes, { checkCrc: true });
  const whole = data instanceof Uint16Array || data instanceof Uint8Array ? data : new Uint8Array(data);
  const flat = depth < 8 ? unpackBits(new Uint8Array(data), depth, width * channels, height) : whole;
  if (palette === undefined) {
    const scale = GRAY_SCALES[depth] ?? 1;
    const values = scale === 1 ? flat : flat.map((value) => value * scale);
    return { width, height, samples: channels, data: values };
  }
  const colors = new Uint8Array(3 * flat.length);
  for (let at = 0; at < flat.length; at++) {
    const color = palette[flat[at] ?? 0];
    if (color === undefined) throw new Error("it names colors that its palette lacks");
    colors.set(color.slice(0, 3), 3 * at);
  }
  return { width, height, samples: 3, data: colors };
}
