/** Times training steps on every runtime of this machine: `npm run bench:runtimes`. Prints a Markdown table. */
import { type MaeSettings, maeLoss, maePrediction, maeTarget } from "../src/models/mae.ts";
import { listDevices } from "../src/runtime/devices.ts";
import type { Runtime } from "../src/runtime/executable.ts";
import { openGpu, openRuntime } from "../src/runtime/open-runtime.ts";
import { physicalCores } from "../src/runtime/physical-cores.ts";
import type { Program } from "../src/runtime/program.ts";
import { secondsPerStep } from "../src/workflow/device-trial.ts";
import { unetProgram } from "../test/support/programs.ts";

const [BATCH, SIZE, TOKEN] = [4, 64, 16];

function mae(features: number, layers: number, heads: number): Program {
  const settings: MaeSettings = {
    patchSize: [SIZE, SIZE],
    channels: 1,
    tokenSize: TOKEN,
    encoder: { features, layers, heads, hidden: 4 * features },
    decoder: { features: 128, layers: 2, heads: 4, hidden: 512 },
    epsilon: 1e-6,
    normalizePixels: false,
  };
  const tokens = (SIZE / TOKEN) ** 2;
  return {
    training: true,
    inputs: {
      images: { shape: [BATCH, SIZE, SIZE, 1], type: "float32" },
      keep: { shape: [BATCH, tokens / 2], type: "int32" },
      restore: { shape: [BATCH, tokens], type: "int32" },
      mask: { shape: [BATCH, tokens], type: "float32" },
    },
    forward(scope, { images, keep, restore, mask }) {
      const prediction = maePrediction(scope, settings, images, { keep, restore, mask });
      return { loss: maeLoss(prediction, maeTarget(settings, images), mask.add(1)).mean() };
    },
  };
}

const PROGRAMS: Readonly<Record<string, Program>> = {
  "MAE 192/4/4, 64x64, batch 4": mae(192, 4, 4),
  "U-Net 16-32-64, 64x64, batch 2": unetProgram([SIZE, SIZE], { feature_maps: [16, 32, 64] }),
};
const training = {
  optimizer: { kind: "adamw", betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.05 },
  clipNorm: 0,
} as const;

const threads = physicalCores();
const { gpus } = await listDevices();
const openers: (() => Promise<Runtime>)[] = [
  ...(["onnx", "tensorflow", "wasm"] as const).map((name) => () => openRuntime(name, threads, console.error)),
  ...gpus.flatMap((gpu) => gpu.routes.map((route) => () => openGpu(gpu, route, threads))),
];
console.log(`| runtime | ${Object.keys(PROGRAMS).join(" | ")} |`);
console.log(`| --- |${" ---: |".repeat(Object.keys(PROGRAMS).length)}`);
for (const open of openers) {
  try {
    const runtime = await open();
    const cells: string[] = [];
    for (const program of Object.values(PROGRAMS))
      cells.push(`${((await secondsPerStep(runtime, { program, training })) * 1000).toFixed(0)} ms`);
    console.log(`| ${runtime.device} | ${cells.join(" | ")} |`);
    runtime.release?.();
  } catch (error) {
    console.error((error as Error).message);
  }
}
process.exit(0);
