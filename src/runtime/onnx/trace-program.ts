/** Programs as static graphs: forward pass, gradients, and for training on a device the optimiser's step as well. */
import type { WeightSpec } from "../../models/scope.ts";
import { type CompileOptions, GRADIENT_SQUARES } from "../executable.ts";
import type { OptimiserSettings, TrainingSettings } from "../optimiser-settings.ts";
import { type Program, ProgramScope, type ScopeHost, type Tensors } from "../program.ts";
import { tf } from "../tensor.ts";
import type { Target } from "./graph.ts";
import type { GraphDefinition } from "./model-proto.ts";
import { type Tracer, trace } from "./tracing-backend.ts";

const LOSS = "loss";
/** What names of a graph's inputs and outputs begin with; a weight's own name is an input. */
export const GRADIENT = "gradient:";
export const STATE = "state:";
export const UNIFORM = "uniform:";

/** The scope of a traced program: each weight an input of the graph, each random tensor too. */
function tracingHost(tracer: Tracer, weights: Tensors, updates: Record<string, tf.Tensor>): ScopeHost {
  let drawn = 0;
  return {
    // A layer that is used twice in a step moves its statistics twice.
    weight: ({ name }) => updates[STATE + name] ?? weights[name],
    uniform: (shape) => tracer.input(`${UNIFORM}${drawn++}`, { shape, type: "float32" }),
    updateState: (name, value) => {
      updates[STATE + name] = tf.keep(value);
    },
  };
}

const isParameter = (spec: WeightSpec) => spec.role === "parameter";

interface TracedStep {
  readonly outputs: Tensors;
  /** What layers' states become. */
  readonly states: Tensors;
  readonly weights: Tensors;
  /** By every parameter's name. */
  readonly gradients: Tensors;
}

/** The forward pass, and with `gradients` its loss's derivative by every parameter. */
function traceStep(
  program: Program,
  specs: readonly WeightSpec[],
  inputs: Tensors,
  tracer: Tracer,
  gradients: boolean,
): TracedStep {
  const weights = Object.fromEntries(
    specs.map(({ name, shape }) => [name, tracer.input(name, { shape, type: "float32" })]),
  );
  const states: Record<string, tf.Tensor> = {};
  let outputs: Tensors = {};
  const forward = () => {
    outputs = program.forward(
      new ProgramScope(tracingHost(tracer, weights, states), program.training),
      inputs,
    );
    for (const output of Object.values(outputs)) tf.keep(output);
    return outputs[LOSS];
  };
  if (!gradients) {
    forward();
    return { outputs, states, weights, gradients: {} };
  }
  const names = specs.filter(isParameter).map((spec) => spec.name);
  const parameters = names.map((name) => weights[name]);
  const { grads } = tf.engine().gradients(forward, parameters, undefined, true);
  const derivatives = names.map((name, index) => [name, grads[index] ?? tf.zerosLike(parameters[index])]);
  return { outputs, states, weights, gradients: Object.fromEntries(derivatives) };
}

/** The program as one static graph; with gradients, also that of its loss by every parameter. */
export function traceProgram(
  program: Program,
  specs: readonly WeightSpec[],
  options: CompileOptions,
  target: Target = "cpu",
): GraphDefinition {
  const compute = (inputs: Tensors, tracer: Tracer) => {
    const { outputs, states, gradients } = traceStep(program, specs, inputs, tracer, options.gradients);
    const squares: Tensors = options.gradientSquares ? { [GRADIENT_SQUARES]: sumOfSquares(gradients) } : {};
    const named = Object.entries(gradients).map(([name, gradient]) => [GRADIENT + name, gradient]);
    return { ...outputs, ...states, ...squares, ...Object.fromEntries(named) };
  };
  return trace(program.inputs, compute, target);
}

function sumOfSquares(tensors: Tensors): tf.Tensor {
  return Object.values(tensors)
    .map((tensor) => tensor.square().sum())
    .reduce((sum, each) => sum.add(each));
}

/** What an optimiser keeps of each weight. */
export type Moment = "first" | "second";

export const momentsOf = ({ kind }: OptimiserSettings): readonly Moment[] =>
  kind === "sgd" ? ["first"] : ["first", "second"];

/** The name of a weight's moment among a graph's inputs. */
export const momentInput = (moment: Moment, name: string) => `${moment}:${name}`;
/** The name, among a graph's outputs, of what becomes of an input. */
export const moved = (input: string) => `moved:${input}`;

/** Inputs that a training graph takes anew in every step, each a number: see `adamRates`. */
export const RATES = ["rate", "correction", "shrink"] as const;

/**
 * A whole training step as one static graph: forward pass, gradients, clipping and the optimiser's step. For each weight, moment and
 * state that moves it has an input and an output ({@link moved}).
 */
export function traceTraining(
  program: Program,
  specs: readonly WeightSpec[],
  { optimiser, clipNorm }: TrainingSettings,
): GraphDefinition {
  const compute = (inputs: Tensors, tracer: Tracer) => {
    const { outputs, states, weights, gradients } = traceStep(program, specs, inputs, tracer, true);
    const rates = Object.fromEntries(
      RATES.map((name) => [name, tracer.input(name, { shape: [], type: "float32" })]),
    ) as Rates;
    const clipped = clipNorm > 0 ? clip(gradients, clipNorm) : gradients;
    const results: Record<string, tf.Tensor> = { ...outputs };
    for (const [name, value] of Object.entries(states)) results[moved(name.slice(STATE.length))] = value;
    for (const { name, shape } of specs.filter(isParameter)) {
      const moments = momentsOf(optimiser).map((moment) =>
        tracer.input(momentInput(moment, name), { shape, type: "float32" }),
      );
      const [weight, ...kept] = step(optimiser, rates, weights[name], clipped[name], moments);
      results[moved(name)] = weight;
      momentsOf(optimiser).forEach((moment, index) => {
        results[moved(momentInput(moment, name))] = kept[index];
      });
    }
    return results;
  };
  return trace(program.inputs, compute, "gpu");
}

type Rates = Readonly<Record<(typeof RATES)[number], tf.Tensor>>;

function clip(gradients: Tensors, clipNorm: number): Tensors {
  const scale = tf.scalar(clipNorm).div(sumOfSquares(gradients).sqrt().add(1e-6)).minimum(1);
  return Object.fromEntries(Object.entries(gradients).map(([name, gradient]) => [name, gradient.mul(scale)]));
}

/** The weight and its moments after a step: what kernels/optimiser.as does on the CPU. */
function step(
  settings: OptimiserSettings,
  { rate, correction, shrink }: Rates,
  weight: tf.Tensor,
  gradient: tf.Tensor,
  [first, second]: readonly tf.Tensor[],
): tf.Tensor[] {
  const { kind, weightDecay } = settings;
  const coupled = kind !== "adamw" && weightDecay > 0;
  const pulled = coupled ? gradient.add(weight.mul(weightDecay)) : gradient;
  if (kind === "sgd") {
    const velocity = first.mul(settings.momentum).add(pulled);
    const direction = pulled.add(velocity.mul(settings.momentum));
    return [weight.sub(direction.mul(rate)), velocity];
  }
  const [beta1, beta2] = settings.betas;
  const mean = first.mul(beta1).add(pulled.mul(1 - beta1));
  const square = second.mul(beta2).add(pulled.square().mul(1 - beta2));
  const direction = mean.div(square.sqrt().mul(correction).add(settings.epsilon));
  const kept = kind === "adamw" && weightDecay > 0 ? weight.mul(shrink) : weight;
  return [kept.sub(direction.mul(rate)), mean, square];
}
