/** Decodes JPEG 2000 (ITU-T T.800) with OpenJPEG, which Python's readers use too. */
import { sampleArray } from "./image.ts";
import { loadWasmLibrary } from "./package-files.ts";
import { type Picture, UnreadCompression } from "./picture.ts";

const PACKAGE = "@cornerstonejs/codec-openjpeg";

interface Decoder {
  getEncodedBuffer(size: number): Uint8Array;
  decode(): void;
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): { readonly width: number; readonly height: number; readonly isSigned: boolean };
  delete(): void;
}

interface Library {
  readonly J2KDecoder: new () => Decoder;
}

let library: Promise<Library> | undefined;

/** A codestream's header (T.800, A.5.1 and A.6.1). */
interface Header {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly samples: number;
  /** Whether the samples were transformed from red, green and blue; decoding reverses it. */
  readonly transformed: boolean;
}

const [SIZE, CODING_STYLE, START_OF_TILE] = [0x51, 0x52, 0x90];
const MOST_BITS = 16;
/** Limit on the pixels of a strip or tile, which is decoded as a whole. */
const MOST_PIXELS = 2 ** 27;

function headerOf(bytes: Uint8Array): Header {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = file.indexOf(Buffer.from([0xff, 0x4f, 0xff, SIZE]));
  if (start < 0 || start + 42 > file.length) throw new Error("no JPEG 2000 data");
  const samples = file.readUInt16BE(start + 40);
  // Other numbers of samples corrupt the library's memory.
  if (samples !== 1 && samples !== 3)
    throw new UnreadCompression(`JPEG 2000 with ${samples} samples a pixel`);
  const components = start + 42;
  if (components + 3 * samples > file.length) throw new Error("damaged JPEG 2000 data");
  const depths = Array.from({ length: samples }, (_, at) => (file.readUInt8(components + 3 * at) & 0x7f) + 1);
  const subsampled = Array.from({ length: samples }, (_, at) => components + 3 * at).some(
    (at) => file[at + 1] !== 1 || file[at + 2] !== 1,
  );
  if (subsampled) throw new UnreadCompression("JPEG 2000 with subsampled colors");
  const bits = Math.max(...depths);
  if (depths.some((depth) => depth !== bits))
    throw new UnreadCompression("JPEG 2000 whose samples differ in type");
  if (bits > MOST_BITS) throw new UnreadCompression(`${bits}-bit JPEG 2000`);
  const extent = (at: number) => file.readUInt32BE(start + at) - file.readUInt32BE(start + at + 8);
  const [width, height] = [extent(8), extent(12)];
  if (!(width > 0 && height > 0 && width * height <= MOST_PIXELS)) throw new Error("damaged JPEG 2000 data");
  let transformed = false;
  for (let at = start + 2; at + 4 <= file.length && file[at + 1] !== START_OF_TILE; ) {
    if (file[at + 1] === CODING_STYLE) transformed = file[at + 8] === 1;
    at += 2 + file.readUInt16BE(at + 2);
  }
  return { width, height, bits, samples, transformed };
}

/**
 * Decodes JPEG 2000, as a file (JP2) or a bare codestream. Throws where it has more than 16 bits or subsampled colors.
 *
 * @param luminance whether untransformed samples are luminance and chrominance, as in Aperio's compression 33003
 */
export async function decodeJpeg2000(bytes: Uint8Array, luminance = false): Promise<Picture> {
  const { width, height, bits, samples, transformed } = headerOf(bytes);
  const space = colorSpace(bytes);
  if (samples === 3 && (space === SYCC || (luminance && !transformed && space !== SRGB)))
    throw new UnreadCompression("JPEG 2000 of luminance and chrominance (YCbCr)");
  library ??= loadWasmLibrary(`${PACKAGE}/decodewasmjs`, `${PACKAGE}/decodewasm`);
  const { J2KDecoder } = await library;
  try {
    const decoder = new J2KDecoder();
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const frame = decoder.getFrameInfo();
    // The library returns 0 for negative 8-bit values.
    if (frame.isSigned && bits <= 8) throw new UnreadCompression("JPEG 2000 of signed 8-bit pixels");
    const wide = frame.isSigned ? "int16" : "uint16";
    const type = bits <= 8 ? "uint8" : wide;
    const data = sampleArray(type, width * height * samples);
    const decoded = decoder.getDecodedBuffer();
    // For damaged data the library returns an empty buffer.
    if (frame.width !== width || frame.height !== height || decoded.length !== data.byteLength)
      throw new Error("damaged JPEG 2000 data");
    new Uint8Array(data.buffer).set(decoded);
    decoder.delete();
    return { width, height, samples, data };
  } catch (error) {
    // The library may return wrong pixels after a failure: the next image loads it anew.
    library = undefined;
    // It throws C++ exceptions as numbers.
    throw error instanceof Error ? error : new Error("damaged JPEG 2000 data");
  }
}

/** Enumerated color spaces of JP2 files (T.800, I.5.3.3): red, green and blue; luminance and chrominance. */
const [SRGB, SYCC] = [16, 18];

/** Returns the enumerated color space of a JP2 file; undefined if it names none. */
function colorSpace(bytes: Uint8Array): number | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const box = file.indexOf("colr", 0, "latin1");
  const named = box >= 0 && box + 11 <= file.length && file[box + 4] === 1;
  return named ? file.readUInt32BE(box + 7) : undefined;
}
