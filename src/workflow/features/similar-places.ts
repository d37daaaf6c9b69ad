/** Finds places with features similar to those of a picked place: in one image, and in all images of a folder. */

import { dirname, join } from "node:path";
import type { Box } from "../../data/tiling.ts";
import { at, zip } from "../../facts/checked-lists.ts";
import { type FeatureFolder, readFeatures } from "./feature-folder.ts";
import type { FeatureMap } from "./feature-map.ts";

/** A place of an image with similar features. */
export interface SimilarPlace {
  /** The picture of the features. */
  readonly picture: string;
  /** The image of the features. */
  readonly original: string;
  /** Its first pixel, `[z, y, x]`; its size is the stride. */
  readonly start: Box;
  /** Cosine similarity, -1 to 1. */
  readonly similarity: number;
}

/** Places similar to a picked one. */
export interface Similarities {
  /** Places along `[z, y, x]`. */
  readonly grid: Box;
  /** Pixels per place, `[z, y, x]`. */
  readonly stride: Box;
  /** Cosine similarity of each place of the picked image, `[z, y, x]`. */
  readonly values: Float32Array;
  /** The most similar places of the folder, best first: no two beside each other, and not the picked one. */
  readonly places: readonly SimilarPlace[];
}

/**
 * Compares a picked place with all others. Features are compared after the mean feature of the folder is subtracted: what all places
 * have in common would make all of them similar.
 *
 * @param picture a picture of features in the folder that `folder` describes
 * @param pixel `[z, y, x]` in the image
 * @param count number of places to return
 */
export async function similarPlaces(
  picture: string,
  folder: FeatureFolder,
  pixel: Box,
  count: number,
  progress: () => void = () => {},
): Promise<Similarities> {
  const { stride, mean } = folder;
  const picked = await readFeatures(picture, folder);
  const grid = gridOf(picked);
  const place = zip(pixel, grid, stride).map(([position, size, step]) =>
    Math.min(size - 1, Math.max(0, Math.floor(position / step))),
  );
  const [z = 0, y = 0, x = 0] = place;
  const wanted = centered(picked, (z * grid[1] + y) * grid[2] + x, mean);
  const values = cosines(picked, wanted, mean);
  const best: SimilarPlace[] = [];
  for (const image of folder.images) {
    const path = join(dirname(picture), image.picture);
    const own = path === picture;
    const map = own ? picked : await readFeatures(path, folder).catch(() => undefined);
    progress();
    if (map === undefined) continue;
    const found = peaks(own ? values : cosines(map, wanted, mean), gridOf(map));
    best.push(
      ...found
        .filter(({ at }) => !own || at.some((each, axis) => Math.abs(each - (place[axis] ?? 0)) > 1))
        .map(({ at, value }) => ({
          picture: path,
          original: image.original,
          start: [at[0] * stride[0], at[1] * stride[1], at[2] * stride[2]] as const,
          similarity: value,
        })),
    );
    best.sort((one, other) => other.similarity - one.similarity).splice(count);
  }
  return { grid, stride, values, places: best };
}

const gridOf = ({ shape: [z, y, x] }: FeatureMap): Box => [z, y, x];

/** Returns a place's features minus the mean, normalized to length 1 (or 0 if they equal the mean). */
function centered({ shape: [, , , count], values }: FeatureMap, place: number, mean: readonly number[]) {
  const vector = Float64Array.from(
    { length: count },
    (_, feature) => at(values, place * count + feature) - at(mean, feature),
  );
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** Returns the cosine of the angle between `wanted` (of length 1) and the features of each place. */
function cosines(
  { shape: [, , , count], values }: FeatureMap,
  wanted: Float64Array,
  mean: readonly number[],
): Float32Array {
  const result = new Float32Array(values.length / count);
  for (let place = 0; place < result.length; place++) {
    let [product, square] = [0, 0];
    for (let feature = 0; feature < count; feature++) {
      const value = (values[place * count + feature] ?? 0) - (mean[feature] ?? 0);
      product += value * (wanted[feature] ?? 0);
      square += value * value;
    }
    result[place] = square === 0 ? 0 : Math.min(1, Math.max(-1, product / Math.sqrt(square)));
  }
  return result;
}

/** Returns the places that are at least as similar as all of their neighbors, and more than those before them. */
function peaks(
  values: Float32Array,
  [depth, height, width]: Box,
): { readonly at: Box; readonly value: number }[] {
  const found: { at: Box; value: number }[] = [];
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const place = (z * height + y) * width + x;
        if (isPeak(values, [depth, height, width], [z, y, x], place))
          found.push({ at: [z, y, x], value: at(values, place) });
      }
  return found;
}

function isPeak(values: Float32Array, [depth, height, width]: Box, [z, y, x]: Box, place: number): boolean {
  const value = at(values, place);
  for (let k = Math.max(0, z - 1); k <= Math.min(depth - 1, z + 1); k++)
    for (let j = Math.max(0, y - 1); j <= Math.min(height - 1, y + 1); j++)
      for (let i = Math.max(0, x - 1); i <= Math.min(width - 1, x + 1); i++) {
        const other = (k * height + j) * width + i;
        // Of equal neighbors, the first counts.
        const neighbor = at(values, other);
        if (neighbor > value || (other < place && neighbor === value)) return false;
      }
  return true;
}
