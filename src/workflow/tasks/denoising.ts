/** Denoising without clean images: a network predicts hidden pixels from their surroundings (Noise2Void: Krull et al. 2019). */

import { ndimOf, type Phase } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import { type BlindSpotSettings, withBlindSpots } from "../../data/noise2void.ts";
import { entriesOf } from "../../facts/checked-lists.ts";
import type { ResultTree } from "../../facts/result-tree.ts";
import { N2V_MANIPULATORS } from "../../facts/workflows.ts";
import type { ImageModel } from "../../models/architectures.ts";
import { spotErrors } from "../../training/denoising-loss.ts";
import { groundTruth } from "../ground-truth.ts";
import { metricNames } from "../settings.ts";
import { inOneBatch, realPatches } from "./batch-arrays.ts";
import { imageNetwork } from "./image-network.ts";
import { imageTesting } from "./image-results.ts";
import type { Task, TrainingTask } from "./task.ts";

/** Sets up the task for a configuration's network. */
export function denoisingTask(config: Config, tree: ResultTree): Task {
  const { model, network } = imageNetwork(config);
  return {
    ...network,
    sources: async (phase, images, report) => {
      if (!hasCleanImages(config, phase)) return { images };
      const infos = await groundTruth(config, phase, images, report);
      return { images, targets: { infos, values: phase === "TEST" ? "stored" : "like images" } };
    },
    training: training(config, model),
    testing: {
      ...imageTesting(config, tree, model),
      imageKinds: { preview: "prediction", test: "prediction" },
      shown: (source, target, written) => ({ original: source, groundTruth: target, ...written }),
    },
  };
}

/** Whether a phase has clean images: for training with LOAD_GT_DATA, for test metrics with LOAD_GT. */
function hasCleanImages(config: Config, phase: Phase): boolean {
  return config.flag(phase === "TEST" ? "DATA.TEST.LOAD_GT" : "PROBLEM.DENOISING.LOAD_GT_DATA");
}

function blindSpotSettings(config: Config): BlindSpotSettings {
  return {
    percent: config.number("PROBLEM.DENOISING.N2V_PERC_PIX"),
    manipulator: config.choice("PROBLEM.DENOISING.N2V_MANIPULATOR", N2V_MANIPULATORS),
    radius: config.number("PROBLEM.DENOISING.N2V_NEIGHBORHOOD_RADIUS"),
    structured: config.flag("PROBLEM.DENOISING.N2V_STRUCTMASK"),
  };
}

function training(config: Config, model: ImageModel): TrainingTask {
  const batchSize = config.number("TRAIN.BATCH_SIZE");
  const patch = config.numbers("DATA.PATCH_SIZE").slice(0, ndimOf(config) + 1);
  const images = { shape: [batchSize, ...patch], type: "float32" } as const;
  const settings = blindSpotSettings(config);
  const names = metricNames(config, "TRAIN");
  return {
    inputs: { images, targets: images, spots: images },
    compare: (scope, inputs) => {
      const { images, targets, spots } = entriesOf(inputs, "images", "targets", "spots");
      const prediction = model(scope, images);
      const { mse, mae } = spotErrors(prediction, targets, spots);
      const measured = Object.entries({ mse, mae }).filter(([name]) => names.some((each) => each === name));
      return { loss: mse, ...Object.fromEntries(measured) };
    },
    batch: (samples, random) => {
      const blind = samples.map(({ image, size }, sample) =>
        withBlindSpots(image, size, settings, random(sample)),
      );
      const targets = samples.map(({ image, target = image }) => target);
      return {
        inputs: {
          images: inOneBatch(
            blind.map(({ image }) => image),
            batchSize,
          ),
          targets: inOneBatch(targets, batchSize),
          spots: realPatches(
            blind.map(({ spots }) => spots),
            batchSize,
          ),
        },
        count: samples.length,
      };
    },
  };
}
