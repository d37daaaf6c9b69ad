/** Decodes strips and tiles of a TIFF page: decompresses them, undoes predictors, unpacks bits. */
import { type SampleArray, sampleArray } from "./image.ts";
import { eachPiece } from "./parts.ts";
import { bytesOf, decodeSamples, swapBytes, unpackBits } from "./samples.ts";
import { COMPRESSION } from "./tiff-compressions.ts";
import { decodePicture, decompress, isPicture, mostBytes } from "./tiff-decompress.ts";
import { TAG } from "./tiff-directory.ts";
import { isRaw, type Page, packedBytes, pageSampleType, typeName } from "./tiff-page.ts";

/** Pixels `[x0, x1)` and `[y0, y1)` of a page. */
export type Window = readonly [x0: number, y0: number, x1: number, y1: number];

const MOST_BLOCK_BYTES = 2 ** 29;

/** Reads a window of a page, `[y, x, sample]`. */
export async function readWindow(page: Page, window: Window): Promise<SampleArray> {
  const rowBytes = packedBytes(page.type, page.width * page.samples);
  const offsets = isRaw(page) ? await page.directory.numbers(TAG.stripOffsets) : [];
  if (isRaw(page) && !offsets.includes(0) && (await stripsAreWhole(page, rowBytes))) {
    const { blockHeight } = page;
    const startOf = (y: number) => {
      const offset = offsets[Math.floor(y / blockHeight)];
      if (offset === undefined) throw tooFewBlocks(page);
      return offset + (y % blockHeight) * rowBytes;
    };
    return readRows(page, startOf, window);
  }
  const [x0, y0, x1, y1] = window;
  const { samples, blockWidth, blockHeight, separate } = page;
  const [across, down] = [Math.ceil(page.width / blockWidth), Math.ceil(page.height / blockHeight)];
  const places = await blockPlaces(page);
  const [firstColumn, firstRow] = [Math.floor(x0 / blockWidth), Math.floor(y0 / blockHeight)];
  const [left, top] = [firstColumn * blockWidth, firstRow * blockHeight];
  // Rows of a single strip or tile need no copy.
  if (x0 === left && x1 === left + blockWidth && y1 <= top + blockHeight && (samples === 1 || !separate)) {
    const decoded = await readBlock(page, places(firstRow * across + firstColumn), firstRow);
    const rowValues = blockWidth * samples;
    return decoded.subarray((y0 - top) * rowValues, (y1 - top) * rowValues);
  }
  const values = sampleArray(pageSampleType(page.type), (x1 - x0) * (y1 - y0) * samples);
  const blocks: (readonly [column: number, row: number, sample: number])[] = [];
  for (let sample = 0; sample < (separate ? samples : 1); sample++)
    for (let row = firstRow; row < Math.min(down, Math.ceil(y1 / blockHeight)); row++)
      for (let column = firstColumn; column < Math.min(across, Math.ceil(x1 / blockWidth)); column++)
        blocks.push([column, row, sample]);
  const copy = async ([column, row, sample]: (typeof blocks)[number]) => {
    const index = (sample * down + row) * across + column;
    const decoded = await readBlock(page, places(index), row);
    const [left, top] = [column * blockWidth, row * blockHeight];
    const per = separate ? 1 : samples;
    const [from, to] = [Math.max(x0, left), Math.min(x1, left + blockWidth)];
    for (let y = Math.max(y0, top); y < Math.min(y1, top + blockHeight); y++) {
      const source = ((y - top) * blockWidth + from - left) * per;
      const target = ((y - y0) * (x1 - x0) + from - x0) * samples + sample;
      if (per === samples) values.set(decoded.subarray(source, source + (to - from) * per), target);
      else for (let x = 0; x < to - from; x++) values[target + x * samples] = decoded[source + x] ?? 0;
    }
  };
  await eachPiece(blocks, packedBytes(page.type, blockWidth * blockHeight * (separate ? 1 : samples)), copy);
  return values;
}

/** Whether every strip holds all of its rows. Missing lengths count as whole: old writers omit them. */
async function stripsAreWhole({ directory, blockHeight, height }: Page, rowBytes: number): Promise<boolean> {
  const lengths = await directory.numbers(TAG.stripBytes);
  return lengths.every((bytes, strip) => {
    const rows = Math.min(blockHeight, height - strip * blockHeight);
    return bytes >= rows * rowBytes;
  });
}

/** Reads uncompressed rows, and only those of the window. */
export async function readRows(
  page: Page,
  startOf: (y: number) => number,
  [x0, y0, x1, y1]: Window,
): Promise<SampleArray> {
  const { tiff, type, samples, width } = page;
  if (typeof type !== "string") throw new Error("packed bits are not stored in rows");
  const [rowBytes, pixelBytes] = [packedBytes(type, width * samples), packedBytes(type, samples)];
  const lineBytes = (x1 - x0) * pixelBytes;
  const whole = x1 - x0 === width;
  const raw = new Uint8Array((y1 - y0) * lineBytes);
  for (let y = y0; y < y1; ) {
    let end = y + 1;
    while (end < y1 && startOf(end) === startOf(end - 1) + rowBytes) end++;
    const start = startOf(y);
    if (!(start + (end - y) * rowBytes <= tiff.bytes.size))
      throw tiff.error("is cut short: it should hold more rows. Copy it again.");
    if (whole) await tiff.bytes.readInto(raw.subarray((y - y0) * lineBytes, (end - y0) * lineBytes), start);
    else {
      const rows = await tiff.bytes.read(start, (end - y) * rowBytes);
      for (let row = y; row < end; row++) {
        const from = (row - y) * rowBytes + x0 * pixelBytes;
        raw.set(rows.subarray(from, from + lineBytes), (row - y0) * lineBytes);
      }
    }
    y = end;
  }
  return decodeSamples(raw, type, tiff.littleEndian);
}

const tooFewBlocks = ({ tiff }: Page) =>
  tiff.error("has fewer strips or tiles than its pixels need: it is damaged.");

interface BlockPlace {
  readonly offset: number;
  readonly bytes: number;
}

/** Returns a function that locates a strip or tile. */
async function blockPlaces(page: Page): Promise<(index: number) => BlockPlace> {
  const { tiff, tiled, directory } = page;
  const offsets = await directory.numbers(tiled ? TAG.tileOffsets : TAG.stripOffsets);
  const counts = await directory.numbers(tiled ? TAG.tileBytes : TAG.stripBytes);
  // Old writers omit the lengths of strips, or write zeros.
  const unsaid = !tiled && counts.every((bytes) => bytes === 0);
  return (index) => {
    const [offset, bytes] = [offsets[index], unsaid ? undefined : counts[index]];
    if (offset === undefined) throw tooFewBlocks(page);
    // A strip or tile that is left out lies nowhere: the file's header is at 0.
    return { offset, bytes: offset === 0 ? 0 : (bytes ?? tiff.bytes.size - offset) };
  };
}

/** Returns a strip or tile that the file leaves out: zeros, or the value that GDAL_NODATA names. */
async function leftOut({ type, directory }: Page, count: number): Promise<SampleArray> {
  const values = sampleArray(pageSampleType(type), count);
  if (!directory.has(TAG.gdalNoData)) return values;
  const text = (await directory.text(TAG.gdalNoData)).trim().replace(",", ".");
  const value = Number(text.replace(/inf(inity)?$/i, "Infinity"));
  const isFloat = values instanceof Float32Array || values instanceof Float64Array;
  const isHeld = isFloat ? !Number.isNaN(value) || /^[+-]?nan$/i.test(text) : values.fill(value)[0] === value;
  // As in tifffile, a value that the type cannot hold counts as 0.
  return values.fill(isHeld ? value : 0);
}

/** Reads a strip or tile, `[y, x, sample]` of its full width. */
async function readBlock(page: Page, { offset, bytes }: BlockPlace, row: number): Promise<SampleArray> {
  const { tiff, type, samples, separate, blockWidth, blockHeight, tiled, height } = page;
  const rows = tiled ? blockHeight : Math.min(blockHeight, height - row * blockHeight);
  const perRow = blockWidth * (separate ? 1 : samples);
  const rowBytes = packedBytes(type, perRow);
  const needed = rows * rowBytes;
  if (needed > MOST_BLOCK_BYTES)
    throw tiff.error(
      `its strips or tiles are ${needed} bytes each, more than can be decoded. Save it in smaller tiles.`,
    );
  // GDAL and others omit empty blocks.
  if (bytes === 0) return leftOut(page, perRow * rows);
  if (page.compression !== COMPRESSION.none && bytes > mostBytes(needed))
    throw tiff.error("has strips or tiles larger than their pixels: it is damaged.");
  checkPacking(page, bytes, perRow * rows, rows === blockHeight);
  const stored = await tiff.bytes.read(
    offset,
    page.compression === COMPRESSION.none ? Math.min(bytes, needed) : bytes,
  );
  // As in libtiff and tifffile, the order of bits does not apply to embedded pictures.
  if (isPicture(page.compression)) return decodePicture(page, stored, rows);
  if (page.reversedBits) reverseBits(stored);
  const raw = await decompress(page, stored, needed);
  if (raw.length < needed)
    throw tiff.error(
      "has strips or tiles with fewer pixels than they should have: it is damaged or cut short.",
    );
  // A copy: an image in memory would keep what a writer padded the strip with.
  const whole = raw.length === needed ? raw : new Uint8Array(raw.subarray(0, needed));
  if (typeof type !== "string") {
    if (page.predictor !== 1)
      throw tiff.error(`uses a predictor with ${type.bits}-bit pixels, which is not read.`);
    return unpackBits(whole, type.bits, perRow, rows);
  }
  return decodeSamples(
    undoPredictor(page, whole, perRow, rows),
    type,
    page.predictor !== 1 || tiff.littleEndian,
  );
}

/** Throws if values that are said to be packed take whole bytes: cameras of 12 bits may store 16. */
function checkPacking({ tiff, type, compression }: Page, bytes: number, count: number, whole: boolean): void {
  if (typeof type === "string" || compression !== COMPRESSION.none || !whole) return;
  const width = type.bits <= 8 ? 1 : type.bits <= 16 ? 2 : 4;
  if (bytes === width * count && bytes > packedBytes(type, count))
    throw tiff.error(
      `says that its pixels have ${type.bits} bits, and stores ${8 * width}. Save it again with ${8 * width} bits.`,
    );
}

/** Undoes a predictor (TIFF 6.0, section 14; Adobe's TIFF Technical Note 3). The result is little-endian; without a predictor the bytes are unchanged. */
function undoPredictor(page: Page, bytes: Uint8Array, perRow: number, rows: number): Uint8Array {
  const { predictor, type, tiff, separate, samples, compression } = page;
  if (predictor === 1) return bytes;
  // libtiff and ImageJ ignore it there; tifffile and Bio-Formats do not.
  if (compression === COMPRESSION.none || compression === COMPRESSION.packBits)
    throw tiff.error(
      `uses a predictor without the compressions that have one, which programs read differently. Save it with deflate or LZW.`,
    );
  const stride = separate ? 1 : samples;
  if (typeof type === "string" && predictor === 2 && bytesOf(type) !== 3)
    return undoDifferences(bytes, bytesOf(type), perRow, stride, tiff.littleEndian);
  if (typeof type === "string" && predictor === 3 && type.startsWith("float"))
    return undoFloatPredictor(bytes, bytesOf(type), perRow, rows, stride);
  throw tiff.error(
    `uses predictor ${predictor} with ${typeName(type)} pixels, which is not read. Save it without one.`,
  );
}

/** Undoes predictor 2, in place: each value is stored as its difference from the previous one in the row, modulo its width. */
function undoDifferences(
  bytes: Uint8Array,
  width: number,
  perRow: number,
  stride: number,
  littleEndian: boolean,
): Uint8Array {
  // A typed array must start at a multiple of its element size.
  const result = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset } = result;
  if (!littleEndian) swapBytes(result, width);
  const rows = result.length / (perRow * width);
  if (width === 8) {
    const values = new BigUint64Array(buffer, byteOffset, rows * perRow);
    for (let row = 0; row < rows; row++)
      for (let at = row * perRow + stride; at < (row + 1) * perRow; at++)
        values[at] = (values[at] ?? 0n) + (values[at - stride] ?? 0n);
    return result;
  }
  const Integers = width === 1 ? Uint8Array : width === 2 ? Uint16Array : Uint32Array;
  const values = new Integers(buffer as ArrayBuffer, byteOffset, rows * perRow);
  for (let row = 0; row < rows; row++)
    for (let at = row * perRow + stride; at < (row + 1) * perRow; at++)
      values[at] = (values[at] ?? 0) + (values[at - stride] ?? 0);
  return result;
}

/** Undoes predictor 3: a row stores the highest bytes of all values first, each byte as its difference from the previous one. */
function undoFloatPredictor(
  bytes: Uint8Array,
  width: number,
  perRow: number,
  rows: number,
  stride: number,
): Uint8Array {
  const rowBytes = perRow * width;
  const result = new Uint8Array(rows * rowBytes);
  for (let row = 0; row < rows; row++) {
    const line = new Uint8Array(bytes.subarray(row * rowBytes, (row + 1) * rowBytes));
    for (let at = stride; at < line.length; at++) line[at] = (line[at] ?? 0) + (line[at - stride] ?? 0);
    for (let value = 0; value < perRow; value++)
      for (let byte = 0; byte < width; byte++)
        result[row * rowBytes + value * width + width - 1 - byte] = line[byte * perRow + value] ?? 0;
  }
  return result;
}

const REVERSED = Uint8Array.from({ length: 256 }, (_, byte) => {
  let reversed = 0;
  for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) reversed |= 0x80 >> bit;
  return reversed;
});

function reverseBits(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at++) bytes[at] = REVERSED[bytes[at] ?? 0] ?? 0;
}
