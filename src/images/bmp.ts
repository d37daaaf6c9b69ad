/** Decodes uncompressed BMP (Microsoft, "Bitmap Storage"): palettes of 1, 4 and 8 bits, and colors of 24 and 32 bits. */
import { ImageError } from "./image.ts";
import type { Picture } from "./picture.ts";
import { unpackBits } from "./samples.ts";

export interface BmpHeader {
  readonly width: number;
  readonly height: number;
  /** Bits of a pixel. */
  readonly depth: number;
  /** Whether the palette is a ramp from black to white, so that its indices are gray values. */
  readonly gray: boolean;
  /** Whether the fourth byte of a pixel is its opacity. */
  readonly opacity: boolean;
  /** Whether the first stored row is the lowest. */
  readonly bottomUp: boolean;
  /** Where the rows begin; each takes `rowBytes`. */
  readonly start: number;
  readonly rowBytes: number;
  /** Blue, green, red and a byte without meaning, for each color. */
  readonly palette: Uint8Array;
}

const [FILE_HEADER, LEAST_HEADER] = [14, 40];
const [UNCOMPRESSED, MASKED] = [0, 3];
/** Names of compressions that are not read. */
const COMPRESSIONS: Readonly<Record<number, string>> = {
  1: "run-length compression",
  2: "run-length compression",
  4: "a JPEG inside",
  5: "a PNG inside",
};
/** Masks of red, green and blue in 32-bit pixels, as nearly all writers have them. */
const MASKS = [0xff0000, 0xff00, 0xff];
const OPACITY_MASK = 0xff000000;
/** Headers of this size have a mask of the opacity. */
const OPACITY_HEADER = 56;

/** Reads the header. Throws {@link ImageError} for what is not read, naming it. */
export function bmpHeader(path: string, bytes: Buffer): BmpHeader {
  const fail = (what: string) => new ImageError(path, `${path}: ${what}`);
  if (bytes.length < FILE_HEADER + LEAST_HEADER || bytes.readUInt32LE(FILE_HEADER) < LEAST_HEADER)
    throw fail("is no BMP file of Windows 3 or later, or damaged. Save it as PNG.");
  const [width, height] = [bytes.readInt32LE(18), Math.abs(bytes.readInt32LE(22))];
  if (!(bytes.toString("latin1", 0, 2) === "BM" && width > 0 && height > 0))
    throw fail("is no BMP file, or damaged.");
  const [depth, compression] = [bytes.readUInt16LE(28), bytes.readUInt32LE(30)];
  if (![1, 4, 8, 24, 32].includes(depth))
    throw fail(`is a BMP of ${depth} bits, which is not read. Save it as PNG.`);
  if (compression !== UNCOMPRESSED && compression !== MASKED)
    throw fail(
      `is a BMP with ${COMPRESSIONS[compression] ?? `compression ${compression}`}, which is not read. Save it as PNG.`,
    );
  const start = bytes.readUInt32LE(10);
  const rowBytes = 4 * Math.ceil((width * depth) / 32);
  if (start + rowBytes * height > bytes.length) throw fail("is cut short, or damaged. Copy it again.");
  if (compression === MASKED && MASKS.some((mask, at) => bytes.readUInt32LE(54 + 4 * at) !== mask))
    throw fail("is a BMP with masks of another order, which is not read. Save it as PNG.");
  const size = bytes.readUInt32LE(FILE_HEADER);
  const opacity =
    depth === 32 &&
    compression === MASKED &&
    size >= OPACITY_HEADER &&
    bytes.readUInt32LE(66) === OPACITY_MASK;
  const colors = depth > 8 ? 0 : bytes.readUInt32LE(46) || 2 ** depth;
  const from = FILE_HEADER + size;
  const palette = bytes.subarray(from, Math.min(from + 4 * colors, start));
  const gray = depth <= 8 && depth !== 4 && isRamp(palette, depth === 1 ? 255 : 1);
  return {
    width,
    height,
    depth,
    gray,
    opacity,
    bottomUp: bytes.readInt32LE(22) > 0,
    start,
    rowBytes,
    palette,
  };
}

function isRamp(palette: Uint8Array, step: number): boolean {
  return palette.every((value, at) => at % 4 === 3 || value === Math.floor(at / 4) * step);
}

/** Decodes gray values, or red, green, blue and, where the file has it, opacity. */
export function decodeBmp(bytes: Uint8Array, header: BmpHeader): Picture {
  const { width, height, depth, gray, opacity, bottomUp, start, rowBytes, palette } = header;
  const used = Math.ceil((width * depth) / 8);
  const rows = new Uint8Array(height * used);
  for (let y = 0; y < height; y++) {
    const from = start + (bottomUp ? height - 1 - y : y) * rowBytes;
    rows.set(bytes.subarray(from, from + used), y * used);
  }
  const indices = depth <= 8 ? unpackBits(rows, depth, width, height) : undefined;
  if (gray && indices !== undefined) return { width, height, samples: 1, data: indices };
  const samples = opacity ? 4 : 3;
  const data = new Uint8Array(samples * width * height);
  const [colors, step] = indices === undefined ? [rows, depth / 8] : [palette, 4];
  for (let pixel = 0; pixel < width * height; pixel++) {
    const color = (indices?.[pixel] ?? pixel) * step;
    if (color + 3 > colors.length) throw new Error("it names colors that its palette lacks");
    for (let sample = 0; sample < 3; sample++)
      data[samples * pixel + sample] = colors[color + 2 - sample] ?? 0;
    if (opacity) data[samples * pixel + 3] = colors[color + 3] ?? 0;
  }
  return { width, height, samples, data };
}
