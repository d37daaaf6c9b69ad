/** Training steps of one case on one device, from the same weights and images each time; prints JSON. Run by check.ts. */
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { listDevices } from "../../src/runtime/devices.ts";
import type { Runtime } from "../../src/runtime/executable.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { openGpu } from "../../src/runtime/open-runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Precision } from "../../src/runtime/precision.ts";
import { compileTraining } from "../../src/training/training-step.ts";
import { describedProgram, fillInputs } from "../networks.ts";
import { type CaseName, gpuCase } from "./cases.ts";

interface Order {
  readonly name: CaseName;
  readonly route: "cpu" | "webgpu" | "cuda";
  readonly precision: Precision;
  readonly small: boolean;
  readonly fixtures: string;
  readonly batch?: number;
}

const order = JSON.parse(process.argv[2] ?? "") as Order;
const description = gpuCase(order.name, order.small, order.fixtures, order.batch);

async function opened(): Promise<Runtime> {
  if (order.route === "cpu") return new OnnxRuntime(description.threads);
  const { gpus } = await listDevices();
  const gpu = gpus.find(({ routes }) => order.route !== "cpu" && routes.includes(order.route)) ?? gpus[0];
  if (gpu === undefined) throw new Error("there is no GPU");
  if (!gpu.routes.includes(order.route))
    throw new Error(
      gpu.refused.map(({ route, reason }) => `${route}: ${reason}`).join("; ") ||
        `${gpu.name} has no ${order.route}`,
    );
  return openGpu(gpu, order.route, description.threads);
}

const runtime = await opened();
const program = describedProgram(description);
const parameters = new Parameters(declaredWeights(program), {
  trainable: true,
  threads: description.threads,
});
parameters.initialize(1);
const step = compileTraining(runtime, program, parameters, {
  optimizer: { kind: "adamw", betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.02 },
  clipNorm: 0,
  precision: order.precision,
});
fillInputs(program, step.inputs);
const losses: number[] = [];
const seconds: number[] = [];
const begun = performance.now();
while (losses.length < description.steps || performance.now() - begun < description.seconds * 1000) {
  const started = performance.now();
  await step.run(losses.length, 1e-4);
  losses.push(step.outputs.loss?.[0] ?? NaN);
  seconds.push((performance.now() - started) / 1000);
}
console.log(JSON.stringify({ device: runtime.device, losses: losses.slice(0, description.steps), seconds }));
process.exit(0);
