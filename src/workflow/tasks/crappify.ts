/** The crappify pretext task: a network learns to restore degraded images (Franco-Barranco et al. 2022). */

import { ndimOf } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import { entriesOf } from "../../facts/checked-lists.ts";
import type { ResultTree } from "../../facts/result-tree.ts";
import type { ImageModel } from "../../models/architectures.ts";
import { combinedLoss } from "../../training/losses.ts";
import { measured } from "../../training/metrics.ts";
import { lossTerms, metricNames } from "../settings.ts";
import { inOneBatch } from "./batch-arrays.ts";
import { crappifiedImages } from "./crappified-images.ts";
import { imageNetwork } from "./image-network.ts";
import { imageTesting } from "./image-results.ts";
import type { Task, TrainingTask } from "./task.ts";

/** Sets up the task for a configuration's network. */
export function crappifyTask(config: Config, tree: ResultTree): Task {
  const { model, network } = imageNetwork(config);
  return {
    ...network,
    training: training(config, model),
    sources: async (phase, infos, report, signal) => ({
      images: await crappifiedImages(config, phase, infos, report, signal),
      targets: { infos, values: "like images" },
    }),
    testing: {
      ...imageTesting(config, tree, model),
      imageKinds: { preview: "mae-check", test: "prediction" },
      shown: (source, target, written) => ({
        original: target,
        masked: source,
        reconstruction: written.prediction,
        ...written,
      }),
    },
  };
}

function training(config: Config, model: ImageModel): TrainingTask {
  const batchSize = config.number("TRAIN.BATCH_SIZE");
  const patch = config.numbers("DATA.PATCH_SIZE").slice(0, ndimOf(config) + 1);
  const images = { shape: [batchSize, ...patch], type: "float32" } as const;
  return {
    inputs: { images, targets: images },
    compare: (scope, inputs) => {
      const { images, targets } = entriesOf(inputs, "images", "targets");
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
