/** Trainings of the bundled command line on generated images, whose first steps are timed. */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeTiff } from "./tiff.ts";

/** Pixels of an image along y and x. */
export const SIDE = 128;

/** What is trained on. */
export interface TrainedImages {
  readonly images: "images" | "volume";
  readonly inMemory: boolean;
}

/** Networks whose step takes a few milliseconds, and about a fifth of a second on two cores. */
export const NETWORKS = {
  tiny: "VIT_EMBED_DIM: 192, VIT_NUM_LAYERS: 4, VIT_NUM_HEADS: 6, MAE_DEC_HIDDEN_SIZE: 128, MAE_DEC_NUM_LAYERS: 2, MAE_DEC_NUM_HEADS: 4",
  small:
    "VIT_EMBED_DIM: 384, VIT_NUM_LAYERS: 6, VIT_NUM_HEADS: 6, MAE_DEC_HIDDEN_SIZE: 512, MAE_DEC_NUM_LAYERS: 8, MAE_DEC_NUM_HEADS: 16",
};

/** A masked autoencoder. Images are divided by a number that depends on their maximum, for which each is read once before. */
export const configuration = (path: string, { images, inMemory }: TrainedImages, network: string) => `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: ${images === "images" ? "2D" : "3D"}}
DATA:
  PATCH_SIZE: ${images === "images" ? `(${SIDE},${SIDE},1)` : "(32,64,64,1)"}
  NORMALIZATION: {TYPE: div}
  TRAIN: {PATH: ${JSON.stringify(path)}, IN_MEMORY: ${inMemory ? "True" : "False"}}
  VAL: {SPLIT_TRAIN: 0.01}
AUGMENTOR: {ENABLE: True, HFLIP: True, VFLIP: True}
MODEL: {ARCHITECTURE: mae, MAE_MASK_TYPE: random, VIT_TOKEN_SIZE: 16, ${network}}
TRAIN: {ENABLE: True, BATCH_SIZE: 4, EPOCHS: 100, PATIENCE: 100, OPTIMIZER: ADAMW, LR: 1.E-4}
TEST: {ENABLE: False}
`;

/** Writes images into a new folder. */
export async function writeImages(path: string, count: number): Promise<void> {
  mkdirSync(path);
  for (let index = 0; index < count; index++)
    await writeTiff(join(path, `image_${String(index).padStart(5, "0")}.tif`), 1, SIDE);
}

/** Times in seconds, and the share of the time in which steps waited for patches. */
export interface Measured {
  readonly firstStep: number;
  readonly stepSeconds: number;
  readonly waiting: number;
}

/** Trains a configuration for some seconds after the third step, or to the end of the first epoch. Writes results beside its file. */
export function train(
  file: string,
  duration: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Measured> {
  const started = performance.now();
  const args = [
    "--config",
    file,
    "--result_dir",
    join(dirname(file), "results"),
    "--name",
    "job",
    "--events",
  ];
  const program = fileURLToPath(new URL("../dist/cli.mjs", import.meta.url));
  const child = spawn(process.execPath, [program, ...args, "--gpu", ""], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const steps: { readonly at: number; readonly seconds: number }[] = [];
  let firstStep = 0;
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const event: { event?: string; stepSeconds?: number } = JSON.parse(line);
      const at = (performance.now() - started) / 1000;
      if (event.event === "step" && event.stepSeconds !== undefined) {
        if (steps.length === 0) firstStep = at;
        steps.push({ at, seconds: event.stepSeconds });
      }
      const [, , third] = steps;
      if (event.event === "epoch" || (third !== undefined && at - third.at > duration)) child.kill("SIGKILL");
    }
  });
  return new Promise((resolve, reject) => {
    child.on("close", () => {
      const [third, ...later] = steps.slice(2);
      const last = later.at(-1);
      if (third === undefined || last === undefined) return reject(new Error(`${file}: too few steps.`));
      const computed = later.reduce((sum, { seconds }) => sum + seconds, 0);
      const elapsed = last.at - third.at;
      resolve({ firstStep, stepSeconds: computed / later.length, waiting: 1 - computed / elapsed });
    });
  });
}
