/** A masked autoencoder so small that an epoch takes a fraction of a second, and images for it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeTiff } from "../../src/images/tiff-writer.ts";

/** Writes images of 32x32 pixels with a pattern that can be learned; `value` decides a pixel instead. */
export async function writeImages(
  folder: string,
  count: number,
  value?: (image: number, at: number) => number,
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (let image = 0; image < count; image++) {
    const pixel = (at: number) =>
      100 + 50 * Math.sin((at % 32) / 3 + image) + 30 * Math.cos(Math.floor(at / 32) / 5);
    const data = Float32Array.from({ length: 32 * 32 }, (_, at) => value?.(image, at) ?? pixel(at));
    await writeTiff(join(folder, `image-${image}.tif`), {
      shape: [1, 32, 32, 1],
      sampleType: "float32",
      data,
    });
  }
  return folder;
}

export interface TinySettings {
  readonly epochs: number;
  readonly batch?: number;
  /** Side of a patch, in pixels. */
  readonly patch?: number;
  /** More keys of TRAIN, such as `PATIENCE: 2`. */
  readonly train?: string;
  /** More keys of MODEL. */
  readonly model?: string;
  readonly test?: boolean;
  readonly validation?: boolean;
}

/** Returns a configuration with one metric: each has a chart, which takes longer to draw than an epoch. */
export function tinyConfig(images: string, settings: TinySettings): string {
  const { epochs, batch = 2, patch = 16, train = "", model = "", test = false, validation = true } = settings;
  const path = JSON.stringify(images);
  return `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D}
DATA:
  PATCH_SIZE: (${patch},${patch},1)
  TRAIN: {PATH: ${path}}
  VAL: ${validation ? "{SPLIT_TRAIN: 0.25}" : `{FROM_TRAIN: False, PATH: ${path}}`}
  TEST: {PATH: ${path}}
MODEL: {ARCHITECTURE: mae, MAE_MASK_TYPE: random, VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 12, VIT_NUM_LAYERS: 1, VIT_NUM_HEADS: 2,
  MAE_DEC_HIDDEN_SIZE: 8, MAE_DEC_NUM_LAYERS: 1, MAE_DEC_NUM_HEADS: 2${model === "" ? "" : `, ${model}`}}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-2, BATCH_SIZE: ${batch}, EPOCHS: ${epochs}, METRICS: [psnr]${train === "" ? "" : `, ${train}`}}
TEST: {ENABLE: ${test ? "True" : "False"}}
`;
}
