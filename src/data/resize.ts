import { at as itemAt, product } from "../facts/checked-lists.ts";
import type { ImageShape } from "../images/image.ts";
import { reflected } from "./tiling.ts";

/** Resizes an image by linear interpolation between pixel centers, one axis after the other. Borders are mirrored. */
export function resize(values: Float32Array, from: ImageShape, to: ImageShape): Float32Array {
  let current = values;
  const shape = [...from];
  for (const axis of [0, 1, 2]) {
    if (shape[axis] === to[axis]) continue;
    current = resizeAxis(current, shape, axis, itemAt(to, axis));
    shape[axis] = itemAt(to, axis);
  }
  return current;
}

function resizeAxis(
  values: Float32Array,
  shape: readonly number[],
  axis: number,
  size: number,
): Float32Array {
  const outer = product(shape.slice(0, axis));
  const inner = product(shape.slice(axis + 1));
  const old = itemAt(shape, axis);
  const result = new Float32Array(outer * size * inner);
  for (let place = 0; place < size; place++) {
    const { below, above, share } = neighbors(place, old, size);
    for (let block = 0; block < outer; block++) {
      const lower = (block * old + below) * inner;
      const upper = (block * old + above) * inner;
      const target = (block * size + place) * inner;
      for (let each = 0; each < inner; each++)
        result[target + each] =
          (values[lower + each] ?? 0) * (1 - share) + (values[upper + each] ?? 0) * share;
    }
  }
  return result;
}

/** Returns the two of `old` pixels around pixel `place` of `size`, and the weight of the second one. */
export function neighbors(place: number, old: number, size: number) {
  const at = ((place + 0.5) * old) / size - 0.5;
  const below = Math.floor(at);
  return { below: reflected(below, old), above: reflected(below + 1, old), share: at - below };
}
