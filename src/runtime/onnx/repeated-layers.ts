/**
 * Layers that a network repeats with other weights. A layer and its gradient are traced once, to two graphs of their own, which every
 * repetition calls. RCAN has ten equal groups of layers: the graph of its training step has 101 nodes, 20 of them calls, instead of 21,591.
 */
import { entryOf, exactly } from "../../facts/checked-lists.ts";
import { ProgramScope, type ScopeHost, type Tensors } from "../program.ts";
import type { RepeatedLayer } from "../scope.ts";
import { tf } from "../tensor.ts";
import { channelBlock, withBlockedConvolutions } from "./blocked-convolutions.ts";
import { liveNodes, type NamedValue } from "./finished-nodes.ts";
import type { GraphBuilder, Value } from "./graph.ts";
import { cutter, withOwnViews } from "./graph-parts.ts";
import { withHalfStorage } from "./half-storage.ts";
import { arrangedTensor, identity, stored, type Traced, toStored } from "./layout.ts";
import { BACKWARD, type Subgraph } from "./model-proto.ts";
import { withRecomputedValues } from "./recomputed-values.ts";

/** A use of a repeated layer. */
export interface Repetition {
  readonly layer: RepeatedLayer;
  readonly x: tf.Tensor;
  /** The layer's weights, by their names in its scope. */
  readonly weights: Tensors;
  readonly training: boolean;
  /** Whether gradients by `x` and the weights are needed. */
  readonly gradients: boolean;
}

/** The running trace. */
interface Tracing {
  /** The layer that is being traced. */
  layer: string;
  /** Traces `compute` to a separate graph. */
  apart<T>(compute: (graph: GraphBuilder) => T): T;
  /** Adds a run of a graph. Takes and returns values by the names of the graph's inputs and outputs. */
  call(body: Subgraph, operands: Values, origin: string): Values;
  /** Returns the value that stores a tensor in the given order of axes. */
  stored(tensor: tf.Tensor, axes: readonly number[]): Value;
  traced(tensor: tf.Tensor): Traced;
  tensor(traced: Traced): tf.Tensor;
  labelGradients(): void;
}

type Values = Readonly<Record<string, Value>>;

/** Names of inputs and outputs of a layer's graphs. Its weights have the names that they have in its scope. */
const X = "x:";
const Y = "y:";
const DY = "dy:";
const GRADIENT = "gradient:";

interface TracedLayer {
  /** From `x` and weights to `y` and the values that the gradient reads. */
  readonly forward: Subgraph;
  /** From `dy`, what `forward` reads and what it returns to the gradients. */
  readonly backward: Subgraph;
  /** How operands and results are stored, by name. */
  readonly layouts: Readonly<Record<string, Layout>>;
}

type Layout = Omit<Traced, "value">;

/** The repeated layers of one trace. */
export class RepeatedLayers {
  private readonly known = new Map<RepeatedLayer, Map<string, TracedLayer>>();

  constructor(private readonly tracing: Tracing) {}

  /** Adds a repetition to the trace and returns its result. */
  add(repetition: Repetition): tf.Tensor {
    const { tracing } = this;
    const origin = `${tracing.layer}/Repeated`;
    const { forward, backward, layouts } = this.tracedLayer(repetition);
    const stored = (name: string, tensor: tf.Tensor) => tracing.stored(tensor, entryOf(layouts, name).axes);
    const result = (name: string, value: Value) => tracing.tensor({ ...entryOf(layouts, name), value });
    const given = Object.entries({ ...repetition.weights, [X]: repetition.x });
    const operands = Object.fromEntries(given.map(([name, tensor]) => [name, stored(name, tensor)]));
    const compute = tf.customGrad(() => {
      const made = tracing.call(forward, operands, origin);
      const gradFunc = (dy: tf.Tensor) => {
        const all = { ...operands, ...made, [DY]: stored(DY, dy) };
        const gradients = tracing.call(backward, all, `${BACKWARD}/${origin}`);
        return given.map(([name, tensor]) => {
          const gradient = gradients[GRADIENT + name];
          return gradient === undefined ? tf.zerosLike(tensor) : result(GRADIENT + name, gradient);
        });
      };
      return { value: result(Y, entryOf(made, Y)), gradFunc };
    });
    return compute(...given.map(([, tensor]) => tensor));
  }

  private tracedLayer(repetition: Repetition): TracedLayer {
    const { layer, x, weights } = repetition;
    const { shape, axes } = this.tracing.traced(x);
    const shapes = Object.entries(weights).map(([name, weight]) => `${name} [${weight.shape}]`);
    const key = `x [${shape}] as [${axes}], ${shapes}`;
    const ofLayer = this.known.get(layer) ?? new Map<string, TracedLayer>();
    this.known.set(layer, ofLayer);
    const found =
      ofLayer.get(key) ?? this.tracing.apart((graph) => traceLayer(this.tracing, graph, repetition, axes));
    ofLayer.set(key, found);
    return found;
  }
}

/** @param axes how `x` is stored */
function traceLayer(
  tracing: Tracing,
  graph: GraphBuilder,
  { layer, x, weights, training, gradients }: Repetition,
  axes: readonly number[],
): TracedLayer {
  const layouts: Record<string, Layout> = {};
  const input = (name: string, shape: readonly number[], order: readonly number[]) => {
    const value = graph.input({ name, type: "float32", shape: toStored(shape, order) });
    const traced = arrangedTensor(value, "float32", shape, order);
    layouts[name] = traced;
    return tracing.tensor(traced);
  };
  const outputs: NamedValue[] = [];
  const output = (name: string, tensor: tf.Tensor) => {
    const traced = tracing.traced(tensor);
    const layout = arrangedTensor(stored(graph, traced), traced.type, traced.shape, traced.axes);
    layouts[name] = layout;
    outputs.push({ name, value: layout.value, type: layout.type, shape: layout.stored });
  };
  const own = Object.fromEntries(
    Object.entries(weights).map(([name, { shape }]) => [name, input(name, shape, identity(shape.length))]),
  );
  const given = input(X, x.shape, axes);
  // Nodes and errors name the first repetition.
  const prefix = `${tracing.layer}.`;
  const scope = new ProgramScope(ownHost(tracing, own, prefix), training, prefix);
  const forward = () => {
    const y = layer(scope, given);
    output(Y, y);
    return y;
  };
  if (gradients) {
    // The gradient of the sum of dy * y by y is dy.
    const weighted = () => {
      const y = forward();
      tracing.labelGradients();
      return y.mul(input(DY, y.shape, entryOf(layouts, Y).axes)).sum();
    };
    const operands = Object.entries({ ...own, [X]: given });
    const tensors = operands.map(([, tensor]) => tensor);
    const { grads } = tf.engine().gradients(weighted, tensors, undefined, true);
    for (const [place, [name]] of operands.entries()) {
      const gradient = grads[place];
      if (gradient != null) output(GRADIENT + name, gradient);
    }
  } else forward();
  const computed = withBlockedConvolutions(withRecomputedValues(graph.finish(outputs)), channelBlock());
  const whole = graph.precision === "half-storage" ? withHalfStorage(computed) : computed;
  const isForward = new Set(
    liveNodes(
      whole.nodes,
      whole.outputs.filter(({ name }) => name === Y),
    ),
  );
  const parts = withOwnViews([
    whole.nodes.filter((node) => isForward.has(node)),
    whole.nodes.filter((node) => !isForward.has(node)),
  ]);
  const cut = cutter({ ...whole, nodes: parts.flat() });
  const [first, second] = exactly(parts, 2);
  return { forward: cut(first), backward: cut(second), layouts };
}

/** @param weights by their names without `prefix` */
function ownHost(tracing: Tracing, weights: Tensors, prefix: string): ScopeHost {
  const refuse = () => {
    throw new Error("A repeated layer can neither draw random numbers nor update states.");
  };
  return {
    weight: ({ name }) => entryOf(weights, name.slice(prefix.length)),
    uniform: refuse,
    updateState: refuse,
    entered: (child) => {
      tracing.layer = child;
    },
  };
}
