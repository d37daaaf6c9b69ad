import { at } from "../../facts/checked-lists.ts";
/** Returns patches as one array of `[batch, …]`; a batch that is not full repeats its last patch. */
export function inOneBatch(patches: readonly Float32Array[], batchSize: number): Float32Array {
  const size = at(patches, 0).length;
  const images = new Float32Array(batchSize * size);
  for (let place = 0; place < batchSize; place++)
    images.set(at(patches, Math.min(place, patches.length - 1)), place * size);
  return images;
}

/** Returns patches as one array of `[batch, …]`, with zeros where a batch is not full. */
export function realPatches(patches: readonly Float32Array[], batchSize: number): Float32Array {
  const size = at(patches, 0).length;
  const all = new Float32Array(batchSize * size);
  patches.forEach((patch, place) => {
    all.set(patch, place * size);
  });
  return all;
}
