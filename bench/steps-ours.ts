/** Training steps or predictions of one network by the embedded engine; prints JSON. Run by steps.mjs. */
import { type BuildArguments, imageModel } from "../src/models/architectures.ts";
import { type MaeSettings, maeLoss, maePrediction, maeTarget } from "../src/models/mae.ts";
import { declaredWeights } from "../src/runtime/declared-weights.ts";
import { OnnxRuntime } from "../src/runtime/onnx/runtime.ts";
import { Parameters } from "../src/runtime/parameters.ts";
import type { InputSpec, Program, Tensors } from "../src/runtime/program.ts";
import type { tf } from "../src/runtime/tensor.ts";
import { spotErrors } from "../src/training/denoising-loss.ts";
import { Optimizer } from "../src/training/optimizer.ts";
import { segmentationLoss } from "../src/training/segmentation-losses.ts";

interface Description {
  readonly architecture: string;
  readonly build: BuildArguments;
  readonly space: readonly number[];
  readonly batch: number;
  readonly mode: "training" | "prediction";
  /** What a network that returns an image learns by. */
  readonly loss: "mse" | "segmentation" | "noise2void";
  readonly threads: number;
  readonly seconds: number;
  readonly steps: number;
}

const description = JSON.parse(process.argv[2]) as Description;
const { architecture, build, space, batch, threads } = description;
const training = description.mode === "training";
const images: InputSpec = { shape: [batch, ...space, 1], type: "float32" };
const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** The losses of the workflows, by what is predicted and what it is compared with; `spots` are 1 at one pixel of 500. */
const LOSSES = {
  mse: (prediction, { targets }) => prediction.sub(targets).square().mean(),
  segmentation: (logits, { targets }) =>
    segmentationLoss(logits, targets.greater(0).cast("float32"), { classes: 2, crossEntropy: 1, dice: 1 }),
  noise2void: (prediction, { targets, spots }) => spotErrors(prediction, targets, spots).mse.mean(),
} satisfies Record<Description["loss"], (prediction: tf.Tensor, inputs: Tensors) => tf.Tensor>;

function imageToImage(): Program {
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
    channels: 1,
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
  const tokens = count(space.map((size) => size / settings.tokenSize));
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

const program = architecture === "mae" ? masking() : imageToImage();
const parameters = new Parameters(declaredWeights(program), { trainable: training, threads });
parameters.initialize(0);
const executable = new OnnxRuntime(threads, process.env.ORT_PROFILE).compile(program, parameters, {
  gradients: training,
});
const optimizer = new Optimizer(
  { kind: "adamw", betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.02 },
  parameters,
);
for (const [name, { shape }] of Object.entries(program.inputs)) {
  const row = shape[1];
  const known: Record<string, (at: number) => number> = {
    keep: (at) => (at % row) * 2,
    restore: (at) => ((at % row) % 2) * (row / 2) + ((at % row) >> 1),
    mask: (at) => at % 2,
    spots: (at) => Number(at % 500 === 0),
  };
  const value = known[name] ?? ((at: number) => Math.sin(at * 0.37));
  for (let at = 0; at < executable.inputs[name].length; at++) executable.inputs[name][at] = value(at);
}
const seconds: number[] = [];
let firstStep = 0;
const begun = performance.now();
while (seconds.length < description.steps || performance.now() - begun < description.seconds * 1000) {
  const started = performance.now();
  await executable.run(seconds.length);
  if (training) await optimizer.step(1e-4);
  seconds.push((performance.now() - started) / 1000);
  // performance.now() counts from the start of the process.
  if (firstStep === 0) firstStep = performance.now() / 1000;
}
if (process.env.ORT_PROFILE) executable.endProfile();
const peakMegabytes = process.resourceUsage().maxRSS / 1000;
console.log(JSON.stringify({ seconds, firstStep, peakMegabytes }));
await parameters.close();
