/** Noise2Void beside BiaPy's own: the same noisy images, configuration and epochs, by their distance from the clean images. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { Random } from "../../src/data/random.ts";
import { similarity } from "../../src/data/similarity.ts";
import type { ResultTree } from "../../src/facts/result-tree.ts";
import { listImages, readImage } from "../../src/images/files.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { byBiapy, byOurs, mean } from "./biapy-run.ts";
import { skip } from "./python.ts";

const EPOCHS = 12;
/** A result varies by 0.25 dB from seed to seed (ten seeds of ours). BiaPy takes a minute for three. */
const BIAPY_SEEDS = [1, 2, 3];
const OUR_SEEDS = [1, 2, 3, 4, 5, 6];
const samples = join(import.meta.dirname, "../../media/samples/2d/train");

/** Adds noise to a value from 0 to 255. */
type Noise = (value: number, random: Random) => number;

/** A photon for each 32 gray values: nuclei of some ten photons. */
const GRAY_VALUES_PER_PHOTON = 32;

const NOISES: Readonly<Record<string, Noise>> = {
  gaussian: (value, random) => value + 25 * random.normal(),
  poisson: (value, random) => {
    const limit = Math.exp(-value / GRAY_VALUES_PER_PHOTON);
    let photons = 0;
    for (let product = random.uniform(); product > limit; product *= random.uniform()) photons++;
    return photons * GRAY_VALUES_PER_PHOTON;
  },
};

/** Writes noisy copies of the sample images. Returns their folder. */
async function noisyImages(folder: string, noise: Noise): Promise<string> {
  await mkdir(folder, { recursive: true });
  const random = new Random(7);
  for (const path of await listImages(samples)) {
    const { shape, data } = await readImage(path);
    const noisy = Float32Array.from(data, (value) => noise(value, random));
    // BiaPy tells types by the largest value of each image, and refuses images that seem to be of different ones.
    const data8 = noisy.map((value) => Math.min(255, Math.max(-255, value)));
    await writeTiff(join(folder, basename(path)), { shape, sampleType: "float32", data: data8 });
  }
  return folder;
}

const configuration = (images: string, seed: number) => `PROBLEM:
  TYPE: DENOISING
  NDIM: 2D
  DENOISING:
    N2V_PERC_PIX: 1.0
SYSTEM:
  NUM_CPUS: 1
  NUM_WORKERS: 0
  SEED: ${seed}
DATA:
  PATCH_SIZE: (32,32,1)
  TRAIN:
    PATH: ${images}
    IN_MEMORY: True
  VAL:
    FROM_TRAIN: True
    SPLIT_TRAIN: 0.1
    IN_MEMORY: True
  TEST:
    PATH: ${images}
    IN_MEMORY: True
MODEL:
  ARCHITECTURE: unet
  FEATURE_MAPS: [8, 16, 32]
  DROPOUT_VALUES: [0., 0., 0.]
LOSS:
  TYPE: [MSE]
TRAIN:
  ENABLE: True
  EPOCHS: ${EPOCHS}
  PATIENCE: ${EPOCHS}
  BATCH_SIZE: 16
  OPTIMIZER: ADAMW
  LR: 4.E-3
  LR_SCHEDULER:
    NAME: warmupcosine
    MIN_LR: [1.E-5]
    WARMUP_COSINE_DECAY_EPOCHS: 2
TEST:
  ENABLE: True
`;

/** The mean PSNR, in dB, of all images in a folder beside the clean ones. */
async function psnr(folder: string): Promise<number> {
  const paths = await listImages(samples);
  let sum = 0;
  for (const path of paths) {
    const clean = await readImage(path);
    const image = await readImage(join(folder, basename(path)));
    sum += similarity(Float32Array.from(image.data), Float32Array.from(clean.data), clean.shape).psnr;
  }
  return sum / paths.length;
}

for (const [name, noise] of Object.entries(NOISES))
  test(`images with ${name} noise come as near to the clean ones as by BiaPy's Noise2Void`, {
    skip,
  }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "noise2void-"));
    const images = await noisyImages(join(folder, "images"), noise);
    const noisy = await psnr(images);
    const jobs = (whose: string, seeds: readonly number[]) =>
      seeds.map((seed) => ({ name: `${whose}_${seed}`, text: configuration(images, seed) }));
    const measured = async (trees: readonly ResultTree[]) => {
      const values: number[] = [];
      for (const { perImage } of trees) values.push(await psnr(perImage));
      return values;
    };
    const theirs = await measured(await byBiapy(folder, jobs("theirs", BIAPY_SEEDS)));
    const ours = await measured(await byOurs(folder, jobs("ours", OUR_SEEDS)));
    const listed = (values: readonly number[]) => values.map((each) => each.toFixed(2)).join(", ");
    console.log(`${name}: noisy ${listed([noisy])} dB; ours ${listed(ours)}; BiaPy ${listed(theirs)}`);
    assert.ok(mean(ours) > noisy + 3, `${mean(ours)} dB of ${noisy} dB`);
    assert.ok(mean(ours) > mean(theirs) - 0.3, `${ours} dB, BiaPy ${theirs} dB`);
  });
