/** The networks that benchmarks train, built from BiaPy's arguments. */
import { product } from "../src/facts/checked-lists.ts";
import { imageModel } from "../src/models/architectures.ts";
import type { BuildArguments } from "../src/models/build-arguments.ts";
import { type MaeSettings, maeLoss, maePrediction, maeTarget } from "../src/models/mae.ts";
import type { InputData } from "../src/runtime/executable.ts";
import type { Precision } from "../src/runtime/precision.ts";
import type { InputSpec, Program, Tensors } from "../src/runtime/program.ts";
import type { tf } from "../src/runtime/tensor.ts";
import { spotErrors } from "../src/training/denoising-loss.ts";
import { segmentationLoss } from "../src/training/segmentation-losses.ts";

/** What to compute. `steps.mjs` passes it as JSON. */
export interface Description {
  readonly architecture: string;
  readonly build: BuildArguments;
  readonly space: readonly number[];
  readonly channels: number;
  readonly batch: number;
  readonly mode: "training" | "prediction";
  /** Loss of a network that returns an image. */
  readonly loss: "mse" | "segmentation" | "noise2void";
  /** Of the training step. Defaults to single. */
  readonly precision?: Precision;
  readonly threads: number;
  readonly seconds: number;
  readonly steps: number;
}

/** The workflows' losses of a prediction. `spots` are 1 at one of 500 pixels. */
const LOSSES = {
  mse: (prediction, { targets }) => prediction.sub(targets).square().mean(),
  segmentation: (logits, { targets }) =>
    segmentationLoss(logits, targets.greater(0).cast("float32"), { classes: 2, crossEntropy: 1, dice: 1 }),
  noise2void: (prediction, { targets, spots }) => spotErrors(prediction, targets, spots).mse.mean(),
} satisfies Record<Description["loss"], (prediction: tf.Tensor, inputs: Tensors) => tf.Tensor>;

/** Returns the program of a description: a network that returns an image, or a masked autoencoder. */
export function describedProgram(description: Description): Program {
  const { architecture, build, space, batch, channels } = description;
  const training = description.mode === "training";
  const images: InputSpec = { shape: [batch, ...space, channels], type: "float32" };
  return architecture === "mae" ? masking() : restoration();

  function restoration(): Program {
    const network = imageModel(architecture, build);
    const hidden: Program["inputs"] = description.loss === "noise2void" ? { spots: images } : {};
    return {
      training,
      inputs: training ? { images, targets: images, ...hidden } : { images },
      forward(scope, inputs): Tensors {
        const prediction = network(scope, inputs.images);
        return training ? { loss: LOSSES[description.loss](prediction, inputs) } : { prediction };
      },
    };
  }

  function masking(): Program {
    const number = (name: string) => Number(build[name]);
    const settings: MaeSettings = {
      patchSize: space,
      channels,
      tokenSize: number("patch_size"),
      encoder: {
        features: number("embed_dim"),
        layers: number("depth"),
        heads: number("num_heads"),
        hidden: number("mlp_ratio") * number("embed_dim"),
      },
      decoder: {
        features: number("decoder_embed_dim"),
        layers: number("decoder_depth"),
        heads: number("decoder_num_heads"),
        hidden: number("mlp_ratio") * number("decoder_embed_dim"),
      },
      epsilon: 1e-6,
      normalizePixels: false,
    };
    const tokens = product(space.map((size) => size / settings.tokenSize));
    const visible = Math.trunc(tokens * (1 - number("mask_ratio")));
    return {
      training,
      inputs: {
        images,
        keep: { shape: [batch, visible], type: "int32" },
        restore: { shape: [batch, tokens], type: "int32" },
        mask: { shape: [batch, tokens], type: "float32" },
      },
      forward(scope, { images, keep, restore, mask }): Tensors {
        const prediction = maePrediction(scope, settings, images, { keep, restore, mask });
        if (!training) return { prediction };
        return { loss: maeLoss(prediction, maeTarget(settings, images), mask).mean() };
      },
    };
  }
}

/** Fills inputs with waves and regular masks: the same numbers on every device. */
export function fillInputs(program: Program, inputs: Readonly<Record<string, InputData>>): void {
  for (const [name, { shape }] of Object.entries(program.inputs)) {
    const row = shape[1] ?? 1;
    const known: Record<string, (at: number) => number> = {
      keep: (at) => (at % row) * 2,
      restore: (at) => ((at % row) % 2) * (row / 2) + ((at % row) >> 1),
      mask: (at) => at % 2,
      spots: (at) => Number(at % 500 === 0),
    };
    const value = known[name] ?? ((at: number) => Math.sin(at * 0.37));
    const values = inputs[name];
    if (values !== undefined) for (let at = 0; at < values.length; at++) values[at] = value(at);
  }
}
