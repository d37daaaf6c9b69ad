/** Mixed precision against PyTorch's autocast: test/fixtures/mixed_precision.json, made by make_mixed_precision.py. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { imageModel } from "../../src/models/architectures.ts";
import type { BuildArguments } from "../../src/models/build-arguments.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import type { Executable, Runtime } from "../../src/runtime/executable.ts";
import { LossScale } from "../../src/runtime/loss-scale.ts";
import { DeviceRuntime } from "../../src/runtime/onnx/device-runtime.ts";
import type { GraphDefinition, NodeDefinition } from "../../src/runtime/onnx/model-proto.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { traceTraining } from "../../src/runtime/onnx/trace-program.ts";
import type { OptimizerSettings } from "../../src/runtime/optimizer-settings.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { compileTraining, PrecisionError } from "../../src/training/training-step.ts";
import { fill, maeProgram, train, unetProgram } from "../support/programs.ts";
import { fillReferenceMae, referenceMae } from "../support/reference-mae.ts";
import { channelsLast, scattered, scatterWeights, setFormulaWeights } from "../support/reference-models.ts";

interface Case {
  readonly architecture: string;
  readonly build: BuildArguments;
  readonly input_shape: readonly number[];
  readonly seed: number;
  readonly size: number;
  readonly token: number;
  readonly channels: number;
  readonly batch: number;
  /** Without autocast. */
  readonly exactLoss: number;
  readonly loss: number;
  /** How far all gradients together are from those without autocast, relative to their norm. */
  readonly error: number;
  readonly gradients: Readonly<Record<string, { readonly norm: number; readonly error: number }>>;
}

const cases = JSON.parse(
  readFileSync(new URL("../fixtures/mixed_precision.json", import.meta.url), "utf8"),
) as Readonly<Record<string, Case>>;

/** The graphs of GPUs on the CPU, which widens what it has no float16 for. */
const onCpu = () => new DeviceRuntime({ provider: { kind: "cpu" } }, "CPU", 1);
const SGD: OptimizerSettings = { kind: "sgd", momentum: 0, weightDecay: 0 };
const ADAMW: OptimizerSettings = { kind: "adamw", betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.05 };

interface Gradients {
  readonly loss: number;
  readonly gradients: Readonly<Record<string, Float32Array>>;
}

/** Returns the gradients from the first step of SGD, whose momentum is the gradient itself. */
async function gradientsOf(
  runtime: Runtime,
  program: Program,
  precision: "single" | "mixed",
  prepare: (parameters: Parameters, inputs: Executable["inputs"]) => void,
): Promise<Gradients> {
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 1 });
  const step = compileTraining(runtime, program, parameters, { optimizer: SGD, clipNorm: 0, precision });
  prepare(parameters, step.inputs);
  // The loss scale halves until gradients are finite.
  while (step.steps === 0) await step.run(0, 0);
  const trained = parameters.specs.filter(({ role }) => role === "parameter");
  const gradients = Object.fromEntries(
    trained.map(({ name }) => [name, parameters.read(name, "first").slice()]),
  );
  const loss = step.outputs.loss[0];
  step.release();
  await parameters.close();
  return { loss, gradients };
}

const norm = (values: Iterable<number>) => {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
};
const distance = (a: Float32Array, b: Float32Array) => norm(a.map((value, at) => value - b[at]));

/** Returns a network's program, and a function that sets the fixture's weights and inputs. */
function referenceCase(
  known: Case,
): [Program, (parameters: Parameters, inputs: Executable["inputs"]) => void] {
  if (known.architecture === "mae") {
    const mae = { ...known, ndim: 2, normalizePixels: true };
    const prepare = (parameters: Parameters, inputs: Executable["inputs"]) => {
      setFormulaWeights(parameters);
      fillReferenceMae(inputs, mae);
    };
    return [referenceMae(mae), prepare];
  }
  const network = imageModel(known.architecture, known.build);
  const [batch, channels, ...space] = known.input_shape;
  const images = { shape: [batch, ...space, channels], type: "float32" } as const;
  const program: Program = {
    training: true,
    inputs: { images, targets: images },
    forward: (scope, inputs) => ({
      loss: network(scope, inputs.images).squaredDifference(inputs.targets).mean(),
    }),
  };
  const prepare = (parameters: Parameters, inputs: Executable["inputs"]) => {
    scatterWeights(parameters);
    const count = inputs.images.length;
    const target = Float64Array.from({ length: count }, (_, at) => 0.3 * Math.cos(at * 0.021));
    inputs.images.set(channelsLast(scattered(count, known.seed), known.input_shape));
    inputs.targets.set(channelsLast(target, known.input_shape));
  };
  return [program, prepare];
}

for (const [name, known] of Object.entries(cases)) {
  test(`${name}: loss and gradients in mixed precision are as near to the exact ones as PyTorch's autocast`, async () => {
    const [program, prepare] = referenceCase(known);
    const exact = await gradientsOf(onCpu(), program, "single", prepare);
    const mixed = await gradientsOf(onCpu(), program, "mixed", prepare);
    assert.ok(Math.abs(exact.loss / known.exactLoss - 1) < 1e-4, `${exact.loss} is not ${known.exactLoss}`);
    assert.ok(Math.abs(mixed.loss / known.loss - 1) < 1e-3, `${mixed.loss} is not ${known.loss}`);
    assert.deepEqual(Object.keys(mixed.gradients).sort(), Object.keys(known.gradients).sort());
    const norms = Object.values(exact.gradients).map(norm);
    const [largest, whole] = [Math.max(...norms), norm(norms)];
    for (const [weight, { norm: size, error }] of Object.entries(known.gradients)) {
      const gradient = mixed.gradients[weight];
      const floor = Math.max(norm(exact.gradients[weight]), 1e-3 * largest);
      const off = distance(gradient, exact.gradients[weight]) / floor;
      assert.ok(off <= 2 * error + 1e-3, `${weight} is off by ${off}, PyTorch's by ${error}`);
      const longer = Math.abs(norm(gradient) - size) / floor;
      assert.ok(longer <= 3 * error + 1e-3, `${weight} has a norm of ${norm(gradient)}, PyTorch's ${size}`);
    }
    const offs = Object.entries(exact.gradients).map(([weight, values]) =>
      distance(mixed.gradients[weight], values),
    );
    const all = norm(offs) / whole;
    assert.ok(
      all <= 1.5 * known.error,
      `all gradients together are off by ${all}, PyTorch's by ${known.error}`,
    );
    assert.ok(all > known.error / 10, `gradients off by no more than ${all} were not computed in float16`);
  });
}

const PROGRAMS: Readonly<Record<string, Program>> = {
  MAE: maeProgram([16, 24]),
  "U-Net": unetProgram([16, 24]),
};

for (const [name, program] of Object.entries(PROGRAMS)) {
  test(`a ${name} learns in mixed precision what it learns in single`, async () => {
    const course = { steps: 30, rate: 2e-3 };
    const [single, mixed] = await Promise.all(
      (["single", "mixed"] as const).map((precision) =>
        train(onCpu(), program, { optimizer: ADAMW, clipNorm: 1, precision }, course),
      ),
    );
    const [first, last, other] = [single.steps[0].loss, single.steps[29].loss, mixed.steps[29].loss];
    assert.ok(last < 0.7 * first, `the loss fell from ${first} to ${last}`);
    assert.ok(
      Math.abs(other / last - 1) < 0.03,
      `${other} after 30 steps in mixed precision, ${last} in single`,
    );
  });
}

/** The type of each value of a graph, by ONNX's rules for the operators used. */
function typesIn({ nodes, inputs, constants }: GraphDefinition): Map<string, string> {
  const types = new Map([...inputs, ...constants].map((each) => [each.name, each.type as string]));
  const CAST: Readonly<Record<string, string>> = {
    1: "float32",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
  };
  let rest = [...nodes];
  while (rest.length > 0) {
    const waiting = rest.filter(({ inputs: given }) => given.some((value) => !types.has(value)));
    assert.ok(waiting.length < rest.length, "the graph has no circle");
    for (const node of rest.filter((each) => !waiting.includes(each))) {
      const given = node.inputs.map((value) => types.get(value) ?? "");
      const type =
        node.operator === "Cast"
          ? CAST[String(node.attributes.to)]
          : /^(Equal|Greater|Less|Not|And|Or)/.test(node.operator)
            ? "bool"
            : given[node.operator === "Where" ? 1 : 0];
      for (const output of node.outputs) types.set(output, type);
    }
    rest = waiting;
  }
  return types;
}

const traced = (program: Program) =>
  traceTraining(program, declaredWeights(program), { optimizer: ADAMW, clipNorm: 1, precision: "mixed" });
const isProduct = ({ operator }: NodeDefinition) => /^(Conv|ConvTranspose|MatMul|Gemm)$/.test(operator);

// The loss of a U-Net has a similarity of images beside it, which stays in single precision with two products of its own.
for (const [name, singleProducts, casts] of [
  ["MAE", 0, 113],
  ["U-Net", 2, 102],
] as const) {
  test(`no product of a ${name} is left in single precision, and casts are few`, () => {
    const graph = traced(PROGRAMS[name]);
    const types = typesIn(graph);
    const products = graph.nodes.filter(isProduct);
    const single = products.filter(({ inputs }) => inputs.some((value) => types.get(value) !== "float16"));
    assert.ok(products.length > 50);
    assert.equal(single.length, singleProducts, JSON.stringify(single));
    const all = graph.nodes.filter(({ operator }) => operator === "Cast");
    assert.ok(all.length <= casts, `${all.length} of ${graph.nodes.length} operators are casts`);
    const widened = new Set(
      all.filter(({ inputs: [x] }) => types.get(x) === "float16").flatMap(({ outputs }) => outputs),
    );
    const pairs = all.filter(({ inputs: [x], outputs: [y] }) => widened.has(x) && types.get(y) === "float16");
    assert.deepEqual(pairs, [], "no value is cast to float32 and back");
    for (const { name: output, type } of graph.outputs) assert.equal(type, "float32", output);
  });
}

test("a step whose gradients overflow changes no weight, is not counted and halves the loss scale", async () => {
  const program = unetProgram([16, 24]);
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 1 });
  parameters.initialize(3);
  const settings = { optimizer: ADAMW, clipNorm: 1, precision: "mixed" } as const;
  const step = compileTraining(onCpu(), program, parameters, settings);
  fill(step.inputs);
  const { lossScale } = step;
  assert.ok(lossScale !== undefined);
  await step.run(0, 1e-3);
  assert.deepEqual([step.steps, lossScale.scale], [1, 2 ** 16]);
  const everything = () =>
    parameters.specs.flatMap(({ name, role }) =>
      (role === "parameter" ? (["weight", "first", "second"] as const) : (["weight"] as const)).map((slot) =>
        parameters.read(name, slot).slice(),
      ),
    );
  const before = everything();
  lossScale.state = { scale: 2 ** 60, steps: 7 };
  await step.run(1, 1e-3);
  assert.deepEqual(everything(), before);
  assert.deepEqual([step.steps, lossScale.state], [1, { scale: 2 ** 59, steps: 0 }]);
  lossScale.state = { scale: 2 ** 10, steps: 0 };
  await step.run(2, 1e-3);
  assert.equal(step.steps, 2);
  assert.notDeepEqual(everything(), before);
  for (const values of everything()) assert.ok(values.every(Number.isFinite));
  step.release();
  await parameters.close();
});

test("the loss scale doubles after 2000 finite steps, and gives up after too many that are not", () => {
  const lossScale = new LossScale();
  for (let step = 0; step < 1999; step++) lossScale.stepped(true);
  assert.equal(lossScale.scale, 2 ** 16);
  lossScale.stepped(true);
  assert.deepEqual(lossScale.state, { scale: 2 ** 17, steps: 0 });
  assert.throws(() => {
    for (let step = 0; step < 40; step++) lossScale.stepped(false);
  }, /--precision single/);
});

test("the CPU refuses mixed precision, and the error says why", async () => {
  const program = maeProgram([8, 8]);
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 1 });
  const settings = { optimizer: ADAMW, clipNorm: 0, precision: "mixed" } as const;
  assert.throws(
    () => compileTraining(new OnnxRuntime(1), program, parameters, settings),
    (error) =>
      error instanceof PrecisionError && /--precision mixed: CPU, 1 thread.*gain nothing/.test(error.message),
  );
  await parameters.close();
});
