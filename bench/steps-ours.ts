/** Times training steps or predictions of one network on the embedded engine. Prints JSON. Started by steps.mjs. */
import { declaredWeights } from "../src/runtime/declared-weights.ts";
import { OnnxRuntime } from "../src/runtime/onnx/runtime.ts";
import { traceProgram } from "../src/runtime/onnx/trace-program.ts";
import type { OptimizerSettings } from "../src/runtime/optimizer-settings.ts";
import { Parameters } from "../src/runtime/parameters.ts";
import { compileTraining } from "../src/training/training-step.ts";
import { type Description, describedProgram, fillInputs } from "./networks.ts";
import { productFlops } from "./product-flops.ts";

const description = JSON.parse(process.argv[2]) as Description;
const { threads, precision } = description;
const training = description.mode === "training";
const program = describedProgram(description);
const parameters = new Parameters(declaredWeights(program), { trainable: training, threads });
parameters.initialize(0);
const runtime = new OnnxRuntime(threads, process.env.ORT_PROFILE);
const optimizer: OptimizerSettings = { kind: "adamw", betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.02 };
const executable = training
  ? compileTraining(runtime, program, parameters, { optimizer, clipNorm: 0, precision })
  : runtime.compile(program, parameters, { gradients: false });
fillInputs(program, executable.inputs);
await parameters.settled();
const estimatedMegabytes = (process.memoryUsage.rss() + (executable.memory?.values ?? 0)) / 1e6;
const seconds: number[] = [];
let firstStep = 0;
const begun = performance.now();
while (seconds.length < description.steps || performance.now() - begun < description.seconds * 1000) {
  const started = performance.now();
  await executable.run(seconds.length, 1e-4);
  seconds.push((performance.now() - started) / 1000);
  // performance.now() counts from the start of the process.
  if (firstStep === 0) firstStep = performance.now() / 1000;
}
// Profiles are written when the sessions are released.
executable.release();
const peakMegabytes = process.resourceUsage().maxRSS / 1000;
// Counted after the measurement, because a second trace takes memory.
const graph = traceProgram(program, parameters.specs, { gradients: training });
const gigaflops = productFlops(graph) / 1e9;
console.log(JSON.stringify({ seconds, firstStep, peakMegabytes, estimatedMegabytes, gigaflops }));
await parameters.close();
