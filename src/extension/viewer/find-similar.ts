/** Finds similar places in a folder of features, with a crop of each: the image worker's reply to a click. */
import { basename } from "node:path";
import { isNetworkPath } from "../../facts/files/network-path.ts";
import { ImageError, sampleArray } from "../../images/image.ts";
import type { Plane, SimilarCrop, Similarity } from "../../protocol/panel-messages.ts";
import { featureFolderOf } from "../../workflow/features/feature-folder.ts";
import { type SimilarPlace, similarPlaces } from "../../workflow/features/similar-places.ts";
import type { ImageStore } from "./image-store.ts";

/** Number of similar places that are shown. */
const PLACES = 16;
/** Side of a crop in pixels, and in places of the grid; the larger counts. */
const SIDE = { pixels: 32, places: 3 };

/**
 * Compares the place at a pixel `[z, y, x]` with all places of the folder that the picture lies in. Throws {@link ImageError} if there
 * are no features.
 */
export async function findSimilar(
  store: ImageStore,
  picture: string,
  pixel: readonly [z: number, y: number, x: number],
  progress: () => void,
): Promise<Similarity> {
  const folder = await featureFolderOf(picture);
  if (folder === undefined) throw new ImageError(picture, `${picture} has no features beside it.`);
  const found = await similarPlaces(picture, folder, pixel, PLACES, progress);
  const places: SimilarCrop[] = [];
  for (const place of found.places) {
    places.push(await cropOf(store, place, folder.stride));
    progress();
  }
  const { grid, stride, values } = found;
  return { grid, stride, values: values.buffer as ArrayBuffer, places };
}

async function cropOf(
  store: ImageStore,
  { picture, original, start, similarity }: SimilarPlace,
  stride: Similarity["stride"],
): Promise<SimilarCrop> {
  const middle = (axis: 0 | 1 | 2) => Math.floor(start[axis] + stride[axis] / 2);
  const at = [middle(0), middle(1), middle(2)] as const;
  const described = { image: basename(original), at, similarity };
  // The folder may come from elsewhere: it must not decide which computers are accessed.
  const file = isNetworkPath(original) && !isNetworkPath(picture) ? picture : original;
  try {
    return { ...described, path: file, planes: await planesAround(store, file, at, stride) };
  } catch {
    // The original is gone: the feature picture is shown instead.
    return {
      ...described,
      path: picture,
      planes: await planesAround(store, picture, at, stride).catch(() => []),
    };
  }
}

/** A square of a slice around a pixel, moved inside at the border. */
async function planesAround(
  store: ImageStore,
  path: string,
  [z, y, x]: SimilarCrop["at"],
  stride: Similarity["stride"],
): Promise<Plane[]> {
  const [depth, rows, columns, channels] = (await store.info(path)).shape;
  const side = Math.ceil(Math.max(SIDE.pixels, SIDE.places * Math.max(stride[1], stride[2])));
  const along = (middle: number, size: number) => {
    const length = Math.min(side, size);
    const from = Math.min(size - length, Math.max(0, Math.round(middle - length / 2)));
    return { from, to: from + length };
  };
  const [vertical, horizontal] = [along(y, rows), along(x, columns)];
  const slice = Math.min(z, depth - 1);
  const { data, sampleType } = await store.part(path, {
    start: [slice, vertical.from, horizontal.from],
    end: [slice + 1, vertical.to, horizontal.to],
  });
  const [height, width] = [vertical.to - vertical.from, horizontal.to - horizontal.from];
  return Array.from({ length: Math.min(3, channels) }, (_, channel) => {
    const values = sampleArray(sampleType, height * width);
    for (let pixel = 0; pixel < values.length; pixel++) values[pixel] = data[pixel * channels + channel] ?? 0;
    return { height, width, sampleType, step: 1, values: values.buffer as ArrayBuffer };
  });
}
