/** Decodes JPEG (ITU-T T.81) with libjpeg-turbo, which Python's readers use too: pixels are bit-identical. */
import { loadWasmLibrary } from "./package-files.ts";
import { type Picture, UnreadCompression } from "./picture.ts";
import { COMPRESSION } from "./tiff-compressions.ts";

const PACKAGE = "@cornerstonejs/codec-libjpeg-turbo-8bit";

interface Decoder {
  getEncodedBuffer(size: number): Uint8Array;
  decode(): void;
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): { width: number; height: number; componentCount: number };
  delete(): void;
}

type Library = { readonly JPEGDecoder: new () => Decoder };

let library: Promise<Library> | undefined;

function load(): Promise<Library> {
  library ??= loadWasmLibrary(`${PACKAGE}/decodewasmjs`, `${PACKAGE}/decodewasm`);
  return library;
}

/** The color space of a JPEG's three components; `as-marked` follows the file's markers. */
export type JpegColor = "as-marked" | "rgb" | "ycbcr";

interface Segment {
  readonly marker: number;
  readonly start: number;
  readonly end: number;
}

const [START_OF_IMAGE, END_OF_IMAGE, START_OF_SCAN, APP0, APP14] = [0xd8, 0xd9, 0xda, 0xe0, 0xee];

/** Returns the segments up to and including the start of the first scan. Throws if the bytes are no JPEG. */
function segments(bytes: Uint8Array): Segment[] {
  if (bytes[0] !== 0xff || bytes[1] !== START_OF_IMAGE) throw new Error("no JPEG data");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: Segment[] = [];
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (view.getUint8(at) !== 0xff) throw new Error("damaged JPEG data");
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) at++;
    else if (marker === END_OF_IMAGE) break;
    else {
      const end = at + 2 + view.getUint16(at + 2);
      found.push({ marker, start: at, end });
      if (marker === START_OF_SCAN) break;
      at = end;
    }
  }
  return found;
}

/** JPEG kinds by frame marker: a name for those that libjpeg-turbo does not decode. */
const FRAMES: Readonly<Record<number, string | undefined>> = {
  192: undefined,
  193: undefined,
  194: undefined,
  195: "lossless JPEG",
  201: undefined,
  202: undefined,
  203: "lossless JPEG",
};

/** Returns the frame's segment. */
function frameOf(bytes: Uint8Array): Segment {
  const frame = segments(bytes).find(
    ({ marker }) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker),
  );
  if (frame === undefined || frame.start + 10 > bytes.length) throw new Error("JPEG data without a frame");
  return frame;
}

/** Returns the sizes in the frame's header. Throws if this kind of JPEG is not decoded. */
export function jpegHeader(bytes: Uint8Array): { width: number; height: number; components: number } {
  const frame = frameOf(bytes);
  if (!(frame.marker in FRAMES))
    throw new UnreadCompression(`JPEG of a rare kind (frame ${frame.marker - 0xc0})`);
  const unread = FRAMES[frame.marker];
  if (unread !== undefined) throw new UnreadCompression(unread);
  const header = new DataView(bytes.buffer, bytes.byteOffset + frame.start + 4, 6);
  const bits = header.getUint8(0);
  if (bits !== 8) throw new UnreadCompression(`${bits}-bit JPEG`);
  const [height, width, components] = [header.getUint16(1), header.getUint16(3), header.getUint8(5)];
  if (components !== 1 && components !== 3)
    throw new UnreadCompression(`JPEG with ${components} components${components === 4 ? " (CMYK)" : ""}`);
  return { width, height, components };
}

/** Whether the bytes are a whole JPEG file (JFIF 1.02), not only the data of one. */
export function isJfif(bytes: Uint8Array): boolean {
  const [first] = segments(bytes);
  if (first?.marker !== APP0) return false;
  return Buffer.from(bytes.subarray(first.start + 4, first.start + 8)).toString("latin1") === "JFIF";
}

/** Whether components differ in resolution: their sampling factors are not all equal (T.81, B.2.2). */
export function isSubsampled(bytes: Uint8Array): boolean {
  const { components } = jpegHeader(bytes);
  const { start } = frameOf(bytes);
  const factors = Array.from({ length: components }, (_, at) => bytes[start + 11 + 3 * at]);
  return factors.some((factor) => factor !== factors[0]);
}

/**
 * Decodes a JPEG to gray or RGB.
 *
 * @param tables a TIFF's JPEGTables, shared by its strips and tiles
 */
export async function decodeJpeg(
  bytes: Uint8Array,
  color: JpegColor = "as-marked",
  tables?: Uint8Array,
): Promise<Picture> {
  const whole = assembled(bytes, color, tables);
  jpegHeader(whole);
  const { JPEGDecoder } = await load();
  const decoder = new JPEGDecoder();
  try {
    decoder.getEncodedBuffer(whole.length).set(whole);
    decoder.decode();
    const { width, height, componentCount } = decoder.getFrameInfo();
    return { width, height, samples: componentCount, data: decoder.getDecodedBuffer().slice() };
  } catch (error) {
    // The library throws C++ exceptions as numbers.
    throw error instanceof Error ? error : new Error("damaged JPEG data");
  } finally {
    decoder.delete();
  }
}

/**
 * Decodes a JPEG whose chrominance has fewer pixels than its luminance, to RGB. Each pixel keeps the color of its own block:
 * libjpeg blends neighboring colors, which were never recorded.
 */
export async function decodeSubsampledJpeg(bytes: Uint8Array, tables?: Uint8Array): Promise<Picture> {
  const whole = assembled(bytes, "as-marked", tables);
  const { width, height, components } = jpegHeader(whole);
  const parameters = {
    tileWidth: width,
    tileHeight: height,
    predictor: 1,
    bitsPerSample: 8,
    planarConfiguration: 1,
  };
  const { getDecoder } = await import("geotiff");
  const decoder = await getDecoder(COMPRESSION.jpeg, parameters);
  const data = new Uint8Array(await decoder.decode(new Uint8Array(whole).buffer));
  if (components !== 3 || data.length !== 3 * width * height) throw new Error("damaged JPEG data");
  toRgb(data);
  return { width, height, samples: components, data };
}

/** Converts luminance and chrominance to red, green and blue, in place (JFIF 1.02, section 7). */
function toRgb(data: Uint8Array): void {
  const clamped = new Uint8ClampedArray(data.buffer, data.byteOffset, data.length);
  for (let at = 0; at < data.length; at += 3) {
    const luminance = data[at] ?? 0;
    const [blue, red] = [(data[at + 1] ?? 0) - 128, (data[at + 2] ?? 0) - 128];
    clamped[at] = luminance + 1.402 * red;
    clamped[at + 1] = luminance - 0.344136 * blue - 0.714136 * red;
    clamped[at + 2] = luminance + 1.772 * blue;
  }
}

/** Returns a JPEG with the shared tables and a marker (Adobe's APP14) for its color space inserted. */
function assembled(bytes: Uint8Array, color: JpegColor, tables: Uint8Array | undefined): Uint8Array {
  if (color === "as-marked" && tables === undefined) return bytes;
  const shared =
    tables === undefined ? [] : segments(tables).map(({ start, end }) => tables.subarray(start, end));
  const own = segments(bytes);
  const scan = own.at(-1);
  if (scan === undefined) throw new Error("JPEG data without a scan");
  const kept = own
    .slice(0, -1)
    .filter(({ marker }) => color === "as-marked" || (marker !== APP0 && marker !== APP14))
    .map(({ start, end }) => bytes.subarray(start, end));
  const adobe = [0xff, APP14, 0, 14, ...Buffer.from("Adobe"), 0, 100, 0, 0, 0, 0, color === "rgb" ? 0 : 1];
  return Buffer.concat([
    bytes.subarray(0, 2),
    ...(color === "as-marked" ? [] : [Uint8Array.from(adobe)]),
    ...shared,
    ...kept,
    bytes.subarray(scan.start),
  ]);
}
