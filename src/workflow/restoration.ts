/** The crappify pretext task: a network learns to restore images that were made worse (Franco-Barranco et al. 2022). */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ndimOf } from "../config/checks.ts";
import type { Config } from "../config/config.ts";
import type { Sample } from "../data/augmentation/sample.ts";
import type { ImagePairs } from "../data/patches.ts";
import { similarity } from "../data/similarity.ts";
import { type ImageModel, imageModel } from "../models/architectures.ts";
import type { Scope } from "../models/scope.ts";
import type { ResultTree } from "../results/result-tree.ts";
import type { Executable, Runtime } from "../runtime/executable.ts";
import type { Parameters } from "../runtime/parameters.ts";
import type { Program, Tensors } from "../runtime/program.ts";
import { combinedLoss, measured } from "../training/metrics.ts";
import type { Batch } from "../training/trainer.ts";
import { buildArguments } from "./model-settings.ts";
import { predictImage } from "./predict.ts";
import type { ImageViewer, PretextTask, ViewedImage } from "./pretext-task.ts";
import { lossTerms, metricNames, tilingSettings } from "./settings.ts";
import { imageName, writeImage } from "./write-image.ts";

/** The task for the network that a configuration describes. */
export function restorationTask(config: Config, tree: ResultTree): RestorationTask {
  const build = buildArguments(config);
  return new RestorationTask(
    config,
    tree,
    imageModel(config.text("MODEL.ARCHITECTURE").toLowerCase(), build),
    build,
  );
}

class RestorationTask implements PretextTask {
  readonly architecture: string;
  readonly batchSize: number;
  private readonly shape: readonly number[];

  constructor(
    private readonly config: Config,
    private readonly tree: ResultTree,
    private readonly model: ImageModel,
    readonly buildArguments: PretextTask["buildArguments"],
  ) {
    this.architecture = config.text("MODEL.ARCHITECTURE").toLowerCase();
    this.batchSize = config.number("TRAIN.BATCH_SIZE");
    this.shape = [this.batchSize, ...config.numbers("DATA.PATCH_SIZE").slice(0, ndimOf(config) + 1)];
  }

  private get inputs(): Program["inputs"] {
    const images = { shape: this.shape, type: "float32" } as const;
    return { images, targets: images };
  }

  training(): Program {
    return {
      training: true,
      inputs: this.inputs,
      forward: (scope, inputs) => {
        const values = Object.entries(this.compare(scope, inputs));
        return Object.fromEntries(values.map(([name, value]) => [name, value.mean()]));
      },
    };
  }

  evaluation(): Program {
    return {
      training: false,
      inputs: this.inputs,
      forward: (scope, inputs) => this.compare(scope, inputs),
    };
  }

  /** Loss and metrics of each patch, `[batch]`. */
  private compare(scope: Scope, { images, targets }: Tensors): Tensors {
    const prediction = this.model(scope, images);
    const loss = combinedLoss(lossTerms(this.config), prediction, targets);
    return { loss, ...measured(metricNames(this.config, "TRAIN"), prediction, targets) };
  }

  private prediction(): Program {
    return {
      training: false,
      inputs: { images: this.inputs.images },
      forward: (scope, { images }) => ({ prediction: this.model(scope, images) }),
    };
  }

  batch(samples: readonly Sample[]): Batch {
    const size = samples[0].image.length;
    const images = new Float32Array(this.batchSize * size);
    const targets = new Float32Array(this.batchSize * size);
    for (let place = 0; place < this.batchSize; place++) {
      const { image, target = image } = samples[Math.min(place, samples.length - 1)];
      images.set(image, place * size);
      targets.set(target, place * size);
    }
    return { inputs: { images, targets }, count: samples.length };
  }

  viewer(runtime: Runtime, parameters: Parameters): ImageViewer {
    const executable = runtime.compile(this.prediction(), parameters, { gradients: false });
    return {
      view: (pairs, index) => this.view(executable, pairs, index),
      release: () => executable.release(),
    };
  }

  /** Restores one image and writes it, with what it was made from and what it should be. */
  private async view(executable: Executable, pairs: ImagePairs, index: number): Promise<ViewedImage> {
    const image = await pairs.images.image(index);
    const { prediction } = await predictImage(executable, image, {
      tiling: tilingSettings(this.config, "TEST"),
      batchSize: this.batchSize,
      batch: (samples) => ({ inputs: { images: this.batch(samples).inputs.images }, count: samples.length }),
    });
    const name = imageName(image.info.path);
    await mkdir(this.tree.perImage, { recursive: true });
    const file = await writeImage(join(this.tree.perImage, `${name}.tif`), prediction, image);
    if (pairs.targets === undefined)
      return { files: { masked: image.info.path, prediction: file }, metrics: {} };
    const target = await pairs.targets.image(index);
    const files = {
      original: target.info.path,
      masked: image.info.path,
      reconstruction: file,
      prediction: file,
    };
    return { files, metrics: similarity(prediction, await target.whole(), image.info.shape) };
  }
}
