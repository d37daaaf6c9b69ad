/** Parts of an image that are read one after the other, where all of it at once would take too much memory. */
import { type Image, type ImageShape, type ImageSource, type Region, sampleArray } from "./image.ts";

/** Returns boxes that cover an image in whole stored pieces, each of at most `most` values or one piece. */
export function* storedParts(
  shape: ImageShape,
  piece: ImageSource["piece"],
  most: number,
): Generator<Region> {
  const size: [z: number, y: number, x: number] = [...piece];
  for (const axis of [2, 1, 0] as const) {
    const others = size.reduce(
      (product, each, other) => (other === axis ? product : product * each),
      shape[3],
    );
    const pieces = Math.max(1, Math.floor(most / (others * piece[axis])));
    size[axis] = Math.min(shape[axis], pieces * piece[axis]);
  }
  const [depth, height, width] = shape;
  for (let z = 0; z < depth; z += size[0])
    for (let y = 0; y < height; y += size[1])
      for (let x = 0; x < width; x += size[2])
        yield {
          start: [z, y, x],
          end: [Math.min(z + size[0], depth), Math.min(y + size[1], height), Math.min(x + size[2], width)],
        };
}

/** Pieces that are decoded concurrently hold at most this many bytes, or are a single one. */
const MOST_BYTES_AT_ONCE = 2 ** 26;
const MOST_AT_ONCE = 8;

/** Calls `decode` for all pieces of a stored image, several at a time if they are small. */
export async function eachPiece<Piece>(
  pieces: readonly Piece[],
  bytes: number,
  decode: (piece: Piece) => Promise<void>,
): Promise<void> {
  const atOnce = Math.min(MOST_AT_ONCE, Math.max(1, Math.floor(MOST_BYTES_AT_ONCE / bytes)));
  for (let first = 0; first < pieces.length; first += atOnce)
    await Promise.all(pieces.slice(first, first + atOnce).map(decode));
}

/** Reads a region in parts of whole stored pieces, each of at most `most` values or one piece. `progress` is called after each. */
export async function readByParts(
  source: ImageSource,
  { start, end }: Region,
  most: number,
  progress: () => void,
): Promise<Image> {
  const { sampleType, shape: whole } = source.info;
  const shape: ImageShape = [end[0] - start[0], end[1] - start[1], end[2] - start[2], whole[3]];
  const [, height, width, channels] = shape;
  const data = sampleArray(sampleType, shape[0] * height * width * channels);
  // Parts are measured in whole pieces: a thin section takes as long as all the pieces that it cuts.
  const inPieces = (axis: 0 | 1 | 2) => Math.ceil(shape[axis] / source.piece[axis]) * source.piece[axis];
  const covered: ImageShape = [inPieces(0), inPieces(1), inPieces(2), channels];
  for (const { start: first, end: last } of storedParts(covered, source.piece, most)) {
    const placed = (at: Region["start"], axis: 0 | 1 | 2) => start[axis] + Math.min(at[axis], shape[axis]);
    const moved = (at: Region["start"]) => [placed(at, 0), placed(at, 1), placed(at, 2)] as const;
    const part = await source.read({ start: moved(first), end: moved(last) });
    progress();
    const [depth, rows, columns] = part.shape;
    if (part.data.length === data.length) return part;
    for (let z = 0; z < depth; z++)
      for (let y = 0; y < rows; y++) {
        const from = (z * rows + y) * columns * channels;
        const to = (((first[0] + z) * height + first[1] + y) * width + first[2]) * channels;
        data.set(part.data.subarray(from, from + columns * channels), to);
      }
  }
  return { shape, sampleType, data };
}
