/**
 * A folder of encoder features: `<image>.npy` (float32 `[z, y, x, feature]`), its picture `<image>.tif`, and `features.json`, which says
 * how the grid lies over the images.
 */
import { basename, dirname, extname, join } from "node:path";
import * as v from "valibot";
import { readNpy } from "../../checkpoint/npy.ts";
import { readJson } from "../../facts/files/regular-file.ts";
import { writeFileAtomically } from "../../facts/files/write-file.ts";
import type { ColorBasis } from "./feature-colors.ts";
import type { FeatureMap } from "./feature-map.ts";

const FILE = "features.json";
/** Largest `features.json`, in bytes. The basis of 10,000 features takes about one megabyte. */
const MOST_BYTES = 1 << 24;

const size = v.pipe(v.number(), v.finite(), v.gtValue(0));
const vector = v.pipe(v.array(v.number()), v.readonly());

const description = v.pipe(
  v.object({
    /** The checkpoint of the features, if it was written to a file. */
    checkpoint: v.optional(v.string()),
    /** Pixels per place of the grid, `[z, y, x]`. */
    stride: v.pipe(v.tuple([size, size, size]), v.readonly()),
    /** Mean feature vector of the images. */
    mean: vector,
    components: v.optional(v.pipe(v.array(vector), v.readonly())),
    ranges: v.optional(v.pipe(v.array(vector), v.readonly())),
    images: v.pipe(
      v.array(
        v.object({
          /** File name of the picture in this folder: never a path. */
          picture: v.pipe(
            v.string(),
            v.check((name) => name !== "" && basename(name) === name, "it is not a file name"),
          ),
          /** The image of the features. */
          original: v.string(),
        }),
      ),
      v.readonly(),
    ),
  }),
  v.readonly(),
);

/** The content of `features.json`. */
export type FeatureFolder = v.InferOutput<typeof description>;

/** Writes `features.json`. */
export async function describeFeatures(
  folder: string,
  { mean, components, ranges }: ColorBasis,
  more: Pick<FeatureFolder, "checkpoint" | "stride" | "images">,
): Promise<void> {
  const text = `${JSON.stringify({ ...more, mean, components, ranges })}\n`;
  await writeFileAtomically(join(folder, FILE), text);
}

/** Returns the file of the features that a picture shows. */
export const featureFile = (picture: string): string =>
  join(dirname(picture), `${basename(picture, extname(picture))}.npy`);

/**
 * Returns the description of a feature picture's folder; undefined for other pictures. Throws `DamagedFileError` if
 * it is damaged.
 */
export async function featureFolderOf(picture: string): Promise<FeatureFolder | undefined> {
  if (basename(picture) === FILE) return undefined;
  const found = await readJson(join(dirname(picture), FILE), description, MOST_BYTES);
  return found?.images.some((image) => image.picture === basename(picture)) ? found : undefined;
}

/** Reads the features that a picture shows. Throws `CheckpointError` for an invalid array, and `Error` for one of another shape. */
export async function readFeatures(
  picture: string,
  { stride, mean }: Pick<FeatureFolder, "stride" | "mean">,
): Promise<FeatureMap> {
  const path = featureFile(picture);
  const { shape, data } = await readNpy(path);
  const [z = 0, y = 0, x = 0, count = 0] = shape;
  if (shape.length !== 4 || count !== mean.length)
    throw new Error(`${path} does not hold the features that features.json describes.`);
  const values = data instanceof Float32Array ? data : Float32Array.from(data, Number);
  return { shape: [z, y, x, count], values, stride };
}
