/** The networks to export for a configuration, as functions of images only. */

import { architectureOf, channelsOf, ndimOf, workflowOf } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import { Random } from "../../data/random.ts";
import { tokenMask } from "../../data/token-mask.ts";
import { entryOf } from "../../facts/checked-lists.ts";
import { type ImageModel, imageModel } from "../../models/architectures.ts";
import { maeFeatures, maeReconstruction } from "../../models/mae.ts";
import type { Program } from "../../runtime/program.ts";
import { tf } from "../../runtime/tensor.ts";
import { buildArguments, outputChannels } from "../model-settings.ts";
import { maeBuildArguments, maeSettings, maskSettings } from "../tasks/mae-settings.ts";
import { sizeSteps } from "./size-steps.ts";
import { maeArchitecture, type TorchArchitecture, torchArchitecture } from "./torch-architecture.ts";

/** A network that a package holds. */
export interface ZooNetwork {
  /** The part of a masked autoencoder. */
  readonly part?: "encoder" | "reconstruction";
  readonly model: ImageModel;
  readonly outputChannels: number;
  /** Number of the image's pixels along each axis for one pixel of the output. */
  readonly reduction: number;
  /** See {@link sizeSteps}. */
  readonly steps: readonly number[];
  /** The function that converts the output to probabilities. */
  readonly activation?: "sigmoid" | "softmax";
  /** Whether the output has the image's normalized values. */
  readonly restores: boolean;
  readonly torch?: TorchArchitecture;
}

/**
 * Returns the networks of a configuration: one, or a masked autoencoder's encoder and reconstruction.
 *
 * @param normalizePixels `--norm_pix_loss`
 */
export function zooNetworks(config: Config, normalizePixels: boolean): ZooNetwork[] {
  if (architectureOf(config) === "mae") return maskedAutoencoder(config, normalizePixels);
  const segments = workflowOf(config) === "segmentation";
  const channels = outputChannels(config);
  const activation = channels === 1 ? "sigmoid" : "softmax";
  return [
    {
      model: imageModel(architectureOf(config), buildArguments(config)),
      outputChannels: channels,
      reduction: 1,
      steps: sizeSteps(config),
      activation: segments ? activation : undefined,
      restores: !segments,
      torch: torchArchitecture(config),
    },
  ];
}

function maskedAutoencoder(config: Config, normalizePixels: boolean): ZooNetwork[] {
  const settings = maeSettings(config, normalizePixels);
  const build = maeBuildArguments(config, settings);
  // The tokens that are hidden in the first patch of a test image.
  const random = new Random(config.number("SYSTEM.SEED")).fork(3, 0);
  const { keep, restore } = tokenMask(maskSettings(config, settings), random);
  const visible = { keep: [...keep], restore: [...restore], normalized_tokens: normalizePixels };
  const steps = settings.patchSize.map(() => 0);
  const { patchSize, tokenSize } = settings;
  return [
    {
      part: "encoder",
      model: (scope, images) => maeFeatures(scope, settings, images),
      outputChannels: settings.encoder.features,
      reduction: tokenSize,
      steps,
      restores: false,
      torch: maeArchitecture("encoder", build, patchSize, {}),
    },
    {
      part: "reconstruction",
      model: (scope, images) =>
        maeReconstruction(scope, settings, images, {
          keep: tf.tensor1d(keep, "int32"),
          restore: tf.tensor1d(restore, "int32"),
        }),
      outputChannels: channelsOf(config),
      reduction: 1,
      steps,
      restores: true,
      torch: maeArchitecture("reconstruction", build, patchSize, visible),
    },
  ];
}

/** Names of a package's tensors. */
export const INPUT = "input";
export const OUTPUT = "output";

/** Returns a network with channels first: input and output `[batch, channel, (z,) y, x]`, as PyTorch and the Zoo have them. */
export function channelsFirst({ model }: ZooNetwork, shape: readonly number[]): Program {
  const space = shape.slice(2).map((_, axis) => axis);
  return {
    training: false,
    inputs: { [INPUT]: { shape, type: "float32" } },
    forward: (scope, inputs) => {
      const images = entryOf(inputs, INPUT);
      const made = model(scope, tf.transpose(images, [0, ...space.map((axis) => axis + 2), 1]));
      return { [OUTPUT]: tf.transpose(made, [0, made.rank - 1, ...space.map((axis) => axis + 1)]) };
    },
  };
}

/** Returns the shape of one patch, `[1, channel, (z,) y, x]`. */
export const patchShape = (config: Config): number[] => [
  1,
  channelsOf(config),
  ...config.numbers("DATA.PATCH_SIZE").slice(0, ndimOf(config)),
];
