/** Small training programs that several runtimes compute, and the same numbers for all of them. */
import { IMAGE_METRICS, type ImageMetric } from "../../src/facts/losses.ts";
import { imageModel } from "../../src/models/architectures.ts";
import type { BuildArguments } from "../../src/models/build-arguments.ts";
import { maeLoss, maePrediction, maeTarget } from "../../src/models/mae.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import type { InputData, Runtime } from "../../src/runtime/executable.ts";
import type { TrainingSettings } from "../../src/runtime/optimizer-settings.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { combinedLoss, type LossTerm } from "../../src/training/losses.ts";
import { measured } from "../../src/training/metrics.ts";
import { compileTraining } from "../../src/training/training-step.ts";

const BATCH = 2;
const transformer = { features: 24, layers: 2, heads: 3, hidden: 48 };

/** A masked autoencoder on normalized pixels, every other token hidden. */
export function maeProgram(patchSize: readonly number[], tokenSize = 4): Program {
  const settings = {
    patchSize,
    channels: 1,
    tokenSize,
    encoder: transformer,
    decoder: { ...transformer, layers: 1 },
    epsilon: 1e-6,
    normalizePixels: true,
  };
  const tokens = patchSize.reduce((product, size) => product * (size / tokenSize), 1);
  return {
    training: true,
    inputs: {
      images: { shape: [BATCH, ...patchSize, 1], type: "float32" },
      keep: { shape: [BATCH, tokens / 2], type: "int32" },
      restore: { shape: [BATCH, tokens], type: "int32" },
      mask: { shape: [BATCH, tokens], type: "float32" },
    },
    forward(scope, { images, keep, restore, mask }) {
      const prediction = maePrediction(scope, settings, images, { keep, restore, mask });
      const target = maeTarget(settings, images);
      const mse = prediction.squaredDifference(target).mean();
      return { loss: maeLoss(prediction, target, mask).mean(), mse };
    },
  };
}

export const UNET: BuildArguments = {
  activation: "elu",
  feature_maps: [4, 8, 12],
  drop_values: [0, 0, 0],
  normalization: "bn",
  k_size: 3,
  upsample_layer: "convtranspose",
  yx_down: [2, 2],
  z_down: [2, 2],
  output_channels: [1],
  isotropy: [true, true, true],
  larger_io: false,
  conv_layers: [1, 1, 1],
  conv_block_order: "conv_norm_act",
};

/** A small U-Net that restores images, with all metrics. */
export function unetProgram(space: readonly number[], build: Partial<BuildArguments> = {}): Program {
  const shape = [...space, 1];
  return restorationProgram("unet", { ...UNET, image_shape: shape, ...build }, shape, {
    metrics: IMAGE_METRICS,
  });
}

/**
 * A network that restores images.
 *
 * @param shape `(z,) y, x, channel`
 */
export function restorationProgram(
  architecture: string,
  build: BuildArguments,
  shape: readonly number[],
  {
    loss = [{ name: "MAE", weight: 1 }],
    metrics = [],
  }: { readonly loss?: readonly LossTerm[]; readonly metrics?: readonly ImageMetric[] },
): Program {
  const network = imageModel(architecture, build);
  const images = { shape: [BATCH, ...shape], type: "float32" } as const;
  return {
    training: true,
    inputs: { images, targets: images },
    forward(scope, { images, targets }) {
      const prediction = network(scope, images);
      const values = Object.entries(measured(metrics, prediction, targets));
      return {
        loss: combinedLoss(loss, prediction, targets).mean(),
        ...Object.fromEntries(values.map(([name, value]) => [name, value.mean()])),
      };
    },
  };
}

/** Fills inputs with numbers that depend on their name and position only. */
export function fill(inputs: Readonly<Record<string, InputData>>): void {
  for (const [name, values] of Object.entries(inputs)) {
    const each = values.length / BATCH;
    const masked = (at: number) => (at % 2 === 0 ? at / 2 : each / 2 + (at - 1) / 2);
    const number: Record<string, (at: number) => number> = {
      keep: (at) => (at % each) * 2,
      restore: (at) => masked(at % each),
      mask: (at) => at % 2,
      targets: (at) => Math.sin(at * 0.7 + 0.4),
    };
    const value = number[name] ?? ((at: number) => Math.sin(at * 0.7));
    values.set(Array.from(values, (_, at) => value(at)));
  }
}

export interface Trained {
  /** Each step's outputs. */
  readonly steps: readonly Readonly<Record<string, number>>[];
  /** All weights and states after the last step, by name. */
  readonly weights: Readonly<Record<string, Float32Array>>;
}

/** Trains from the same weights by the same numbers, whatever the runtime. */
export async function train(
  runtime: Runtime,
  program: Program,
  settings: TrainingSettings,
  { steps, rate }: { readonly steps: number; readonly rate: number },
): Promise<Trained> {
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 1 });
  parameters.initialize(3);
  const step = compileTraining(runtime, program, parameters, settings);
  fill(step.inputs);
  const outputs: Record<string, number>[] = [];
  for (let index = 0; index < steps; index++) {
    await step.run(index, rate);
    const named = Object.entries(step.outputs).map(([name, values]) => [name, values[0]] as const);
    outputs.push(Object.fromEntries(named));
  }
  const weights = Object.fromEntries(
    parameters.specs.map(({ name }) => [name, parameters.read(name).slice()]),
  );
  step.release();
  await parameters.close();
  return { steps: outputs, weights };
}
