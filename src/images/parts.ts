/** Parts of an image that are read one after the other, where all of it at once would take too much memory. */
import type { ImageShape, ImageSource, Region } from "./image.ts";

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
