/** Training steps of a masked autoencoder by the embedded engine; prints JSON. Run by mae.mjs. */
import { type MaeSettings, maeLoss, maePrediction, maeTarget } from "../src/models/mae.ts";
import { declaredWeights } from "../src/runtime/declared-weights.ts";
import { OnnxRuntime } from "../src/runtime/onnx/runtime.ts";
import { Parameters } from "../src/runtime/parameters.ts";
import type { Program } from "../src/runtime/program.ts";
import { Optimiser } from "../src/training/optimiser.ts";

const [features, layers, heads, threads, steps] = process.argv.slice(2).map(Number);
const BATCH = 4;
const SIZE = 128;
const settings: MaeSettings = {
  patchSize: [SIZE, SIZE],
  channels: 1,
  tokenSize: 16,
  encoder: { features, layers, heads, hidden: 4 * features },
  decoder: { features: 512, layers: 8, heads: 16, hidden: 2048 },
  epsilon: 1e-6,
  normalisePixels: false,
};
const tokens = (SIZE / 16) ** 2;
const program: Program = {
  training: true,
  inputs: {
    images: { shape: [BATCH, SIZE, SIZE, 1], type: "float32" },
    keep: { shape: [BATCH, tokens / 2], type: "int32" },
    restore: { shape: [BATCH, tokens], type: "int32" },
    mask: { shape: [BATCH, tokens], type: "float32" },
  },
  forward(scope, { images, keep, restore, mask }) {
    const prediction = maePrediction(scope, settings, images, { keep, restore, mask });
    return { loss: maeLoss(prediction, maeTarget(settings, images), mask).mean() };
  },
};

const parameters = new Parameters(declaredWeights(program), { trainable: true, threads });
parameters.initialise(0);
const step = new OnnxRuntime(threads, process.env.ORT_PROFILE).compile(program, parameters, {
  gradients: true,
});
const optimiser = new Optimiser(
  { kind: "adamw", betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.02 },
  parameters,
);
step.inputs.images.set(Float32Array.from({ length: BATCH * SIZE * SIZE }, (_, at) => Math.sin(at * 0.37)));
step.inputs.keep.set(Int32Array.from({ length: (BATCH * tokens) / 2 }, (_, at) => (at % (tokens / 2)) * 2));
step.inputs.restore.set(
  Int32Array.from(
    { length: BATCH * tokens },
    (_, at) => ((at % tokens) % 2) * (tokens / 2) + ((at % tokens) >> 1),
  ),
);
step.inputs.mask.set(Float32Array.from({ length: BATCH * tokens }, (_, at) => at % 2));
const seconds: number[] = [];
let firstStep = 0;
for (let index = 0; index < steps; index++) {
  const started = performance.now();
  await step.run(index);
  optimiser.step(1e-4);
  seconds.push((performance.now() - started) / 1000);
  // performance.now() counts from the start of the process.
  if (index === 0) firstStep = performance.now() / 1000;
}
if (process.env.ORT_PROFILE) step.endProfile();
const peakMegabytes = process.resourceUsage().maxRSS / 1000;
console.log(JSON.stringify({ seconds, firstStep, peakMegabytes }));
