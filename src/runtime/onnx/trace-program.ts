/** Programs as static graphs: forward pass, gradients, and for training on a device the optimizer's step as well. */

import { type CompileOptions, GRADIENT_SQUARES } from "../executable.ts";
import type { OptimizerSettings, TrainingSettings } from "../optimizer-settings.ts";
import { type Program, ProgramScope, type ScopeHost, type Tensors } from "../program.ts";
import type { WeightSpec } from "../scope.ts";
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
    entered: (layer) => tracer.enter(layer),
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

/** The forward pass, and where they are asked for its loss's derivatives by every parameter, times `lossScale` where there is one. */
function traceStep(
  program: Program,
  specs: readonly WeightSpec[],
  inputs: Tensors,
  tracer: Tracer,
  { gradients, lossScale }: { readonly gradients: boolean; readonly lossScale?: tf.Tensor },
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
    tracer.labelGradients();
    return outputs[LOSS];
  };
  if (!gradients) {
    forward();
    return { outputs, states, weights, gradients: {} };
  }
  const names = specs.filter(isParameter).map((spec) => spec.name);
  const parameters = names.map((name) => weights[name]);
  const { grads } = tf.engine().gradients(forward, parameters, lossScale, true);
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
    const { outputs, states, gradients } = traceStep(program, specs, inputs, tracer, options);
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

/** What an optimizer keeps of each weight. */
export type Moment = "first" | "second";

export const momentsOf = ({ kind }: OptimizerSettings): readonly Moment[] =>
  kind === "sgd" ? ["first"] : ["first", "second"];

/** The name of a weight's moment among a graph's inputs. */
export const momentInput = (moment: Moment, name: string) => `${moment}:${name}`;
/** The name, among a graph's outputs, of what becomes of an input. */
export const moved = (input: string) => `moved:${input}`;

/** Inputs that a training graph takes anew in every step, each a number: see `adamRates`. */
const RATES = ["rate", "correction", "shrink"] as const;

/** Inputs of a training graph in mixed precision: what the loss is multiplied by before gradients are taken, and one over it. */
export const LOSS_SCALE = "lossScale";
export const INVERSE_LOSS_SCALE = "inverseLossScale";
/** Its output that is 1 where all gradients are finite; where it is 0 the step leaves weights, moments and states as they are. */
export const FINITE = "finite";

/**
 * A whole training step as one static graph: forward pass, gradients, clipping and the optimizer's step. For each weight, moment and
 * state that moves it has an input and an output ({@link moved}).
 */
export function traceTraining(
  program: Program,
  specs: readonly WeightSpec[],
  { optimizer, clipNorm, precision }: TrainingSettings,
): GraphDefinition {
  const compute = (inputs: Tensors, tracer: Tracer) => {
    const number = (name: string) => tracer.input(name, { shape: [], type: "float32" });
    const lossScale = precision === "mixed" ? number(LOSS_SCALE) : undefined;
    const traced = traceStep(program, specs, inputs, tracer, { gradients: true, lossScale });
    tracer.enter("optimizer");
    const { outputs, states, weights } = traced;
    const results: Record<string, tf.Tensor> = { ...outputs };
    const gradients =
      lossScale === undefined ? traced.gradients : multiplied(traced.gradients, number(INVERSE_LOSS_SCALE));
    const squares = sumOfSquares(gradients);
    const finite = lossScale === undefined ? undefined : squares.less(LARGEST_SUM);
    if (finite !== undefined) results[FINITE] = finite.cast("float32");
    const given = Object.fromEntries(RATES.map((name) => [name, number(name)])) as Rates;
    const change = changeOf(optimizer, given, finite);
    const clipped = multiplied(gradients, clipping(squares, clipNorm));
    for (const [key, value] of Object.entries(states)) {
      const name = key.slice(STATE.length);
      results[moved(name)] = finite === undefined ? value : value.where(finite, weights[name]);
    }
    for (const { name, shape } of specs.filter(isParameter)) {
      const moments = momentsOf(optimizer).map((moment) =>
        tracer.input(momentInput(moment, name), { shape, type: "float32" }),
      );
      const [weight, ...memory] = step(optimizer, change, weights[name], clipped[name], moments);
      results[moved(name)] = weight;
      momentsOf(optimizer).forEach((moment, index) => {
        results[moved(momentInput(moment, name))] = memory[index];
      });
    }
    return results;
  };
  return trace(program.inputs, compute, "gpu", precision);
}

type Rates = Readonly<Record<(typeof RATES)[number], tf.Tensor>>;

/** Sums beyond are infinite. */
const LARGEST_SUM = 3e38;
const NO_CLIPPING = 1e30;

/**
 * What gradients are multiplied by. It takes part where nothing is to be clipped too: so every weight moves after all gradients are
 * there, which read it, and can be written where it lies (in-place.ts).
 */
function clipping(squares: tf.Tensor, clipNorm: number): tf.Tensor {
  return tf
    .scalar(clipNorm > 0 ? clipNorm : NO_CLIPPING)
    .div(squares.sqrt().add(1e-6))
    .minimum(1);
}

const multiplied = (gradients: Tensors, factor: tf.Tensor): Tensors =>
  Object.fromEntries(Object.entries(gradients).map(([name, gradient]) => [name, gradient.mul(factor)]));

/** What a step does, as numbers of the graph: where gradients are not finite, nothing. */
interface Change extends Rates {
  /** How much of each moment stays. */
  readonly keeps: readonly tf.Tensor[];
  /** The gradient as it counts. */
  readonly counted: (gradient: tf.Tensor) => tf.Tensor;
}

function changeOf(optimizer: OptimizerSettings, rates: Rates, finite: tf.Tensor | undefined): Change {
  const factors = optimizer.kind === "sgd" ? [optimizer.momentum] : optimizer.betas;
  const keeps = factors.map((factor) => tf.scalar(factor));
  if (finite === undefined) return { ...rates, keeps, counted: (gradient) => gradient };
  return {
    rate: rates.rate.where(finite, 0),
    correction: rates.correction,
    shrink: rates.shrink.where(finite, 1),
    keeps: keeps.map((factor) => factor.where(finite, 1)),
    counted: (gradient) => gradient.where(finite, 0),
  };
}

/**
 * The weight and its moments after a step: what kernels/optimizer.as does on the CPU. No last operation reads what it replaces, which
 * is why the weight is multiplied even where nothing of it is taken off.
 */
function step(
  settings: OptimizerSettings,
  { rate, correction, shrink, keeps, counted }: Change,
  weight: tf.Tensor,
  gradient: tf.Tensor,
  [first, second]: readonly tf.Tensor[],
): tf.Tensor[] {
  const { kind, weightDecay } = settings;
  const coupled = kind !== "adamw" && weightDecay > 0;
  const pulled = counted(coupled ? gradient.add(weight.mul(weightDecay)) : gradient);
  const kept = weight.mul(shrink);
  if (kind === "sgd") {
    const velocity = first.mul(keeps[0]).add(pulled);
    const direction = pulled.add(velocity.mul(settings.momentum));
    return [kept.sub(direction.mul(rate)), velocity];
  }
  const [beta1, beta2] = settings.betas;
  const mean = first.mul(keeps[0]).add(pulled.mul(1 - beta1));
  const square = second.mul(keeps[1]).add(pulled.square().mul(1 - beta2));
  const direction = mean.div(square.sqrt().mul(correction).add(settings.epsilon));
  return [kept.sub(direction.mul(rate)), mean, square];
}
