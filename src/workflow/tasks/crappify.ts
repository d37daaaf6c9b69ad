/** The crappify pretext task: a network learns to restore images that were made worse (Franco-Barranco et al. 2022). */
import { join } from "node:path";
import { architectureOf, ndimOf } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import { normalise } from "../../data/normalisation.ts";
import { ErrorSums, similarity } from "../../data/similarity.ts";
import type { ResultTree } from "../../facts/result-tree.ts";
import type { Metrics } from "../../facts/run-events.ts";
import { shapeOf } from "../../images/image.ts";
import { type ImageModel, imageModel } from "../../models/architectures.ts";
import { combinedLoss } from "../../training/losses.ts";
import { measured } from "../../training/metrics.ts";
import { buildArguments } from "../model-settings.ts";
import { lossTerms, metricNames } from "../settings.ts";
import { imageName, inOwnRange, predictionInOwnRange, writeImage } from "../write-image.ts";
import { inOneBatch } from "./batch-arrays.ts";
import { encoderFeatures } from "./encoder-features.ts";
import { storedPrediction } from "./stored-prediction.ts";
import type { Measurement, Task, TestingTask, TestPart, TrainingTask } from "./task.ts";

/** The task for the network that a configuration describes. */
export function crappifyTask(config: Config, tree: ResultTree): Task {
  const build = buildArguments(config);
  const model = imageModel(architectureOf(config), build);
  return {
    architecture: architectureOf(config),
    buildArguments: build,
    batchSize: config.number("TRAIN.BATCH_SIZE"),
    training: training(config, model),
    testing: { ...imageTesting(tree, model), measurement: (byChunks) => new RestorationErrors(byChunks) },
    features: (shape) => encoderFeatures(model, shape),
  };
}

function training(config: Config, model: ImageModel): TrainingTask {
  const batchSize = config.number("TRAIN.BATCH_SIZE");
  const patch = config.numbers("DATA.PATCH_SIZE").slice(0, ndimOf(config) + 1);
  const images = { shape: [batchSize, ...patch], type: "float32" } as const;
  return {
    inputs: { images, targets: images },
    compare: (scope, { images, targets }) => {
      const prediction = model(scope, images);
      const loss = combinedLoss(lossTerms(config), prediction, targets);
      return { loss, ...measured(metricNames(config, "TRAIN"), prediction, targets) };
    },
    batch: (samples) => ({
      inputs: {
        images: inOneBatch(
          samples.map(({ image }) => image),
          batchSize,
        ),
        targets: inOneBatch(
          samples.map(({ image, target = image }) => target),
          batchSize,
        ),
      },
      count: samples.length,
    }),
  };
}

/** Testing a network that turns an image into a better one of the same channels, range and pixel type. */
export function imageTesting(tree: ResultTree, model: ImageModel): Omit<TestingTask, "measurement"> {
  return {
    prediction: (shape) => ({
      training: false,
      inputs: { images: { shape, type: "float32" } },
      forward: (scope, { images }) => ({ prediction: model(scope, images) }),
    }),
    feed: ({ images }, { patches, batchSize }) => images.set(inOneBatch(patches, batchSize)),
    resultFiles: (image) => [
      {
        folder: tree.perImage,
        role: "prediction",
        channels: image.info.shape[3],
        sampleType: image.info.sampleType,
        values: ({ values }) => predictionInOwnRange(values.prediction, image),
      },
    ],
    reuse: async ({ info, channels }) => {
      const stored = await storedPrediction(join(tree.perImage, `${imageName(info.path)}.tif`), info.shape);
      return stored && { prediction: normalise(stored, channels) };
    },
    writePictures: async ({ image, region, values }, folder) => {
      const path = join(folder, `${imageName(image.info.path)}.tif`);
      return { prediction: await writeImage(path, values.prediction, image, region) };
    },
    shown: (source, target, written) =>
      target === undefined
        ? { masked: source, ...written }
        : { original: target, masked: source, reconstruction: written.prediction, ...written },
  };
}

/** Errors of a restored image in the range and steps of its pixel type, as BiaPy measures them. */
export class RestorationErrors implements Measurement {
  private readonly errors = new ErrorSums();
  private whole: Metrics | undefined;
  private empty = true;

  constructor(private readonly byChunks: boolean) {}

  async add({ image, target, region, values }: TestPart): Promise<void> {
    if (target === undefined) return;
    this.empty = false;
    const restored = Float32Array.from(predictionInOwnRange(values.prediction, image));
    const original = Float32Array.from(inOwnRange(await target.values(region), image));
    if (this.byChunks) this.errors.add(restored, original);
    else this.whole = similarity(restored, original, shapeOf(region, image.info.shape[3]));
  }

  get metrics(): Metrics {
    return this.whole ?? (this.empty ? {} : this.errors.metrics);
  }
}
