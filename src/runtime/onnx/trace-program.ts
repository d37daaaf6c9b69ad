/** Traces programs to static graphs: forward pass, gradients and, for training on a device, the optimizer's step. */
import { at, entryOf, exactly } from "../../facts/checked-lists.ts";
import { type CompileOptions, GRADIENT_SQUARES } from "../executable.ts";
import { CLIP_EPSILON, type OptimizerSettings, type TrainingSettings } from "../optimizer-settings.ts";
import { type Program, ProgramScope, type ScopeHost, type Tensors } from "../program.ts";
import type { WeightSpec } from "../scope.ts";
import { tf } from "../tensor.ts";
import { channelBlock, withBlockedConvolutions } from "./blocked-convolutions.ts";
import type { Target } from "./graph.ts";
import { withHalfStorage } from "./half-storage.ts";
import { withOutputsAsComputed } from "./merged-reshapes.ts";
import type { GraphDefinition } from "./model-proto.ts";
import type { Repetition } from "./repeated-layers.ts";
import { type Tracer, trace } from "./tracing-backend.ts";

const LOSS = "loss";
/** Prefixes of names of a graph's inputs and outputs. A weight is an input under its own name. */
export const GRADIENT = "gradient:";
export const STATE = "state:";
export const UNIFORM = "uniform:";

/**
 * Returns the scope of a traced program, in which weights and random tensors are inputs of the graph.
 *
 * @param updates receives the new values of states
 */
function tracingHost(
  tracer: Tracer,
  weights: Tensors,
  updates: Record<string, tf.Tensor>,
  flags: Pick<Repetition, "training" | "gradients">,
): ScopeHost {
  let drawn = 0;
  const { repeated } = tracer;
  const all = Object.entries(weights);
  return {
    ...(repeated && {
      repeated: (prefix, layer, x) => {
        const own = all.filter(([name]) => name.startsWith(prefix));
        const named = own.map(([name, weight]) => [name.slice(prefix.length), weight]);
        return repeated({ layer, x, weights: Object.fromEntries(named), ...flags });
      },
    }),
    // A layer that is used twice in a step updates its statistics twice.
    weight: ({ name }) => updates[STATE + name] ?? entryOf(weights, name),
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
  /** New values of layers' states, by {@link STATE} and the state's name. */
  readonly states: Tensors;
  readonly weights: Tensors;
  /** Gradients of the loss, by the parameters' names. */
  readonly gradients: Tensors;
}

/**
 * Traces the forward pass and optionally the gradients of its loss by every parameter.
 *
 * @param options.lossScale what gradients are multiplied by
 */
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
  const { training } = program;
  let outputs: Tensors = {};
  const forward = () => {
    outputs = program.forward(
      new ProgramScope(tracingHost(tracer, weights, states, { training, gradients }), training),
      inputs,
    );
    for (const output of Object.values(outputs)) tf.keep(output);
    tracer.labelGradients();
    return outputs;
  };
  if (!gradients) {
    forward();
    return { outputs, states, weights, gradients: {} };
  }
  const names = specs.filter(isParameter).map((spec) => spec.name);
  const parameters = names.map((name) => entryOf(weights, name));
  const { grads } = tf.engine().gradients(() => entryOf(forward(), LOSS), parameters, lossScale, true);
  const named = parameters.map((parameter, index) => [
    at(names, index),
    // A parameter that the loss does not depend on has no gradient.
    grads[index] ?? tf.zerosLike(parameter),
  ]);
  return { outputs, states, weights, gradients: Object.fromEntries(named) };
}

/**
 * Traces a program to one static graph, optionally with the gradients of its loss by every parameter. On the CPU, convolutions are
 * computed on channels in blocks.
 */
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
  const graph = trace(program.inputs, compute, target, options.halfStorage ? "half-storage" : "single");
  if (target !== "cpu") return graph;
  const lowered = withOutputsAsComputed(withBlockedConvolutions(graph, channelBlock()));
  return options.halfStorage ? withHalfStorage(lowered) : lowered;
}

function sumOfSquares(tensors: Tensors): tf.Tensor {
  return Object.values(tensors)
    .map((tensor) => tensor.square().sum())
    .reduce((sum, each) => sum.add(each));
}

/** A vector that an optimizer keeps for each weight. */
export type Moment = "first" | "second";

export const momentsOf = ({ kind }: OptimizerSettings): readonly Moment[] =>
  kind === "sgd" ? ["first"] : ["first", "second"];

/** Returns the name of a weight's moment among a graph's inputs. */
export const momentInput = (moment: Moment, name: string) => `${moment}:${name}`;
/** Returns the name of the output that holds an input's new value. */
export const moved = (input: string) => `moved:${input}`;

/** Inputs of a training graph in mixed precision: the factor of the loss before gradients are computed, and its inverse. */
export const LOSS_SCALE = "lossScale";
export const INVERSE_LOSS_SCALE = "inverseLossScale";
/** Its output that is 1 if all gradients are finite. If it is 0, the step changes no weight, moment or state. */
export const FINITE = "finite";

/**
 * Traces a whole training step to one static graph: forward pass, gradients, clipping and the optimizer's step. The graph has an input
 * and an output ({@link moved}) for each weight, moment and state that the step changes.
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
    const rates = { rate: number("rate"), correction: number("correction"), shrink: number("shrink") };
    const change = changeOf(optimizer, rates, finite);
    const clipped = multiplied(gradients, clipping(squares, clipNorm));
    for (const [key, value] of Object.entries(states)) {
      const name = key.slice(STATE.length);
      results[moved(name)] = finite === undefined ? value : value.where(finite, entryOf(weights, name));
    }
    for (const { name, shape } of specs.filter(isParameter)) {
      const moments = momentsOf(optimizer).map((moment) =>
        tracer.input(momentInput(moment, name), { shape, type: "float32" }),
      );
      const next = step(optimizer, change, entryOf(weights, name), entryOf(clipped, name), moments);
      results[moved(name)] = next.weight;
      for (const [index, moment] of momentsOf(optimizer).entries())
        results[moved(momentInput(moment, name))] = at(next.moments, index);
    }
    return results;
  };
  return trace(program.inputs, compute, "gpu", precision);
}

/** Inputs of a training graph that change with each step, as scalars: see `AdamRates`. */
type Rates = Readonly<Record<"rate" | "correction" | "shrink", tf.Tensor>>;

/** Larger sums count as infinite. */
const LARGEST_SUM = 3e38;
const NO_CLIPPING = 1e30;

/**
 * Returns the factor that clips gradients. It is also used where nothing is clipped: every weight then depends on all gradients, which
 * read it, and can be updated in place (in-place.ts).
 */
function clipping(squares: tf.Tensor, clipNorm: number): tf.Tensor {
  return tf
    .scalar(clipNorm > 0 ? clipNorm : NO_CLIPPING)
    .div(squares.sqrt().add(CLIP_EPSILON))
    .minimum(1);
}

const multiplied = (gradients: Tensors, factor: tf.Tensor): Tensors =>
  Object.fromEntries(Object.entries(gradients).map(([name, gradient]) => [name, gradient.mul(factor)]));

/** Factors of a step, as scalars of the graph. Where gradients are not finite, they leave everything unchanged. */
interface Change extends Rates {
  /** The factor of each moment's old value. */
  readonly decays: readonly tf.Tensor[];
  /** Replaces a gradient that is not finite by zeros. */
  readonly finiteGradient: (gradient: tf.Tensor) => tf.Tensor;
}

function changeOf(optimizer: OptimizerSettings, rates: Rates, finite: tf.Tensor | undefined): Change {
  const factors = optimizer.kind === "sgd" ? [optimizer.momentum] : optimizer.betas;
  const decays = factors.map((factor) => tf.scalar(factor));
  if (finite === undefined) return { ...rates, decays, finiteGradient: (gradient) => gradient };
  return {
    rate: rates.rate.where(finite, 0),
    correction: rates.correction,
    shrink: rates.shrink.where(finite, 1),
    decays: decays.map((factor) => factor.where(finite, 1)),
    finiteGradient: (gradient) => gradient.where(finite, 0),
  };
}

/**
 * Returns the weight and its moments after a step, as kernels/optimizer.as computes them on the CPU. The last operation on each value
 * must not read the old value (in-place.ts), so the weight is multiplied by `shrink` even where that is 1.
 *
 * @param moments in the order of {@link momentsOf}
 */
function step(
  settings: OptimizerSettings,
  { rate, correction, shrink, decays, finiteGradient }: Change,
  weight: tf.Tensor,
  gradient: tf.Tensor,
  moments: readonly tf.Tensor[],
): { readonly weight: tf.Tensor; readonly moments: readonly tf.Tensor[] } {
  const { kind, weightDecay } = settings;
  const coupled = kind !== "adamw" && weightDecay > 0;
  const slope = finiteGradient(coupled ? gradient.add(weight.mul(weightDecay)) : gradient);
  const decayed = weight.mul(shrink);
  if (kind === "sgd") {
    const [[old], [decay]] = [exactly(moments, 1), exactly(decays, 1)];
    const velocity = old.mul(decay).add(slope);
    const direction = slope.add(velocity.mul(settings.momentum));
    return { weight: decayed.sub(direction.mul(rate)), moments: [velocity] };
  }
  const [beta1, beta2] = settings.betas;
  const [[first, second], [decay1, decay2]] = [exactly(moments, 2), exactly(decays, 2)];
  const mean = first.mul(decay1).add(slope.mul(1 - beta1));
  const square = second.mul(decay2).add(slope.square().mul(1 - beta2));
  const direction = mean.div(square.sqrt().mul(correction).add(settings.epsilon));
  return { weight: decayed.sub(direction.mul(rate)), moments: [mean, square] };
}
