/**
 * Exports networks as ONNX models for other programs: standard operators only, with weights, for any number of images and, where the
 * network allows it, images of any size. A traced graph contains sizes as numbers, so the program is traced at several sizes, and each
 * number that differs is computed from the input's shape instead (size-expressions.ts).
 */
import { at, atLeast } from "../../facts/checked-lists.ts";
import type { Program } from "../program.ts";
import type { WeightSpec } from "../scope.ts";
import {
  type ConstantDefinition,
  encodeModel,
  type GraphDefinition,
  type NodeDefinition,
  type ValueDefinition,
} from "./model-proto.ts";
import { type SizeExpression, sizeExpression } from "./size-expressions.ts";
import { traceProgram } from "./trace-program.ts";

/** Opset 18 (IR 8, of 2022), which onnxruntime 1.14 and later, OpenCV and other runtimes support. */
export const OPSET = 18;
const IR_VERSION = 8;

/** A network for other programs. Its only input and output are `[batch, channel, (z,) y, x]`. */
export interface PortableNetwork {
  /** Returns the network for images of this shape, with one input and one output. */
  program(shape: readonly number[]): Program;
  readonly specs: readonly WeightSpec[];
  readonly weight: (name: string) => Float32Array;
  /** The shape that the network was trained for: `[batch, channel, (z,) y, x]`. */
  readonly shape: readonly number[];
  /** Each axis may have any multiple of this size; 0 for an axis of fixed size. */
  readonly steps: readonly number[];
}

/** An exported network. */
export interface PortableModel {
  readonly bytes: Uint8Array;
  /** As in {@link PortableNetwork}, with 0 for further axes whose size had to be fixed. */
  readonly steps: readonly number[];
}

/** A number or an attribute depends on the input's size in a way that ONNX has no standard operator for. */
class FixedSizeError extends Error {}

/** Exports a network as an ONNX model. If not every axis can have any size, the axes of space have the fixed size of `shape`. */
export function portableModel(network: PortableNetwork): PortableModel {
  try {
    return { bytes: encoded(network, network.steps), steps: network.steps };
  } catch (error) {
    if (!(error instanceof FixedSizeError)) throw error;
  }
  const onlyBatch = network.steps.map((step, axis) => (axis === 0 ? step : 0));
  return { bytes: encoded(network, onlyBatch), steps: onlyBatch };
}

const AXIS_NAMES = ["batch", "", "z", "y", "x"];

function encoded(network: PortableNetwork, steps: readonly number[]): Uint8Array {
  const graph = openSizes(network, steps);
  const images = ({ name }: ValueDefinition) => !network.specs.some((spec) => spec.name === name);
  const weights = graph.inputs
    .filter((input) => !images(input))
    .map((input): ConstantDefinition => {
      const values = network.weight(input.name);
      return { ...input, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
    });
  const whole = {
    ...graph,
    inputs: graph.inputs.filter(images),
    constants: [...graph.constants, ...weights],
  };
  const names = steps.length === 4 ? AXIS_NAMES.toSpliced(2, 1) : AXIS_NAMES;
  const dimensions = names.map((name, axis) => (steps[axis] === 0 ? "" : name));
  return encodeModel(whole, { opset: OPSET, irVersion: IR_VERSION, dimensions });
}

/** Sizes to trace at, as multiples of each axis's step: primes, so that different axes give different numbers. */
const MULTIPLES = [
  [11, 13, 17],
  [0, 0, 0],
  [5, 7, 19],
  [23, 3, 29],
  [31, 37, 11],
];

/** Returns the graph of a network with sizes computed from the input's shape. Throws {@link FixedSizeError} if that is impossible. */
function openSizes(network: PortableNetwork, steps: readonly number[]): GraphDefinition {
  const size = (axis: number, pick: number) =>
    steps[axis] === 0 ? at(network.shape, axis) : at(steps, axis) * at(at(MULTIPLES, axis), pick);
  const base = steps.map((_, axis) => size(axis, 0));
  const open = steps.flatMap((step, axis) => (step === 0 ? [] : [axis]));
  const shapes = [
    base,
    ...open.flatMap((axis) => [1, 2].map((pick) => base.with(axis, size(axis, pick)))),
    steps.map((_, axis) => size(axis, 1)),
  ];
  const graphs = shapes.map((shape) =>
    traceProgram(network.program(shape), network.specs, { gradients: false }, "portable"),
  );
  return new SizeOpener(shapes, graphs).opened();
}

const bytesAsIntegers = ({ bytes }: ConstantDefinition): number[] =>
  Array.from(new BigInt64Array(bytes.slice().buffer), Number);

/** Replaces the numbers of a graph that differ in graphs of the same program at other sizes. */
class SizeOpener {
  private readonly constants: readonly ReadonlyMap<string, ConstantDefinition>[];
  private readonly added: NodeDefinition[] = [];
  private readonly numbers = new Map<string, ConstantDefinition>();
  private readonly known = new Map<string, string>();

  /** @param shapes of the input, one for each graph. The first graph is the one to change. */
  constructor(
    private readonly shapes: readonly (readonly number[])[],
    private readonly graphs: readonly GraphDefinition[],
  ) {
    this.constants = graphs.map(
      (graph) => new Map(graph.constants.map((constant) => [constant.name, constant])),
    );
  }

  opened(): GraphDefinition {
    const [base, ...others] = atLeast(this.graphs, 1);
    if (others.some(({ nodes }) => nodes.length !== base.nodes.length))
      throw new FixedSizeError("The graph has other operations at other sizes.");
    const nodes = base.nodes.map((node, index) => {
      const alike = this.graphs.map((graph) => at(graph.nodes, index));
      const signature = (each: NodeDefinition) =>
        `${each.operator} ${JSON.stringify(each.attributes)} ${each.inputs.length}`;
      if (alike.some((each) => signature(each) !== signature(node)))
        throw new FixedSizeError(`${node.origin ?? ""} ${node.operator} differs at other sizes.`);
      return { ...node, inputs: node.inputs.map((_, place) => this.input(alike, place)) };
    });
    const all = [...this.added, ...nodes];
    const read = new Set(all.flatMap((node) => node.inputs));
    const constants = [...base.constants, ...this.numbers.values()].filter(({ name }) => read.has(name));
    return { ...base, nodes: all, constants };
  }

  /** Returns the name of a node's input: the original value, or the computed one that replaces it. */
  private input(alike: readonly NodeDefinition[], place: number): string {
    const names = alike.map(({ inputs }) => at(inputs, place));
    const found = names.map((name, index) => at(this.constants, index).get(name));
    const [base] = found;
    if (base === undefined) return at(names, 0);
    const same = found.every((each) => each !== undefined && Buffer.compare(each.bytes, base.bytes) === 0);
    if (same) return base.name;
    const lists = found.map((each) => (each?.type === "int64" ? bytesAsIntegers(each) : []));
    const [list] = atLeast(lists, 1);
    if (list.length === 0 || lists.some(({ length }) => length !== list.length))
      throw new FixedSizeError("A constant of the network depends on the size of its images.");
    const parts = list.map((_, element) => {
      const observations = this.shapes.map((sizes, index) => ({
        sizes,
        value: at(at(lists, index), element),
      }));
      const expression = sizeExpression(observations);
      if (expression === undefined)
        throw new FixedSizeError("A size is not a product, fraction or sum of the image's sizes.");
      return this.value(expression);
    });
    return parts.length === 1 ? at(parts, 0) : this.computed("Concat", parts, { axis: 0 });
  }

  /** Adds the computation of an expression and returns its value, a list of one number. */
  private value({ numerator, denominator, axes, offset }: SizeExpression): string {
    const [first, ...others] = axes;
    if (first === undefined) return this.number(numerator + offset);
    let value = this.size(first);
    for (const axis of others) value = this.computed("Mul", [value, this.size(axis)]);
    if (numerator !== 1) value = this.computed("Mul", [value, this.number(numerator)]);
    if (denominator !== 1) value = this.computed("Div", [value, this.number(denominator)]);
    return offset === 0 ? value : this.computed("Add", [value, this.number(offset)]);
  }

  private size(axis: number): string {
    const isImages = ({ shape }: ValueDefinition) => String(shape) === String(this.shapes[0]);
    const [{ name }] = atLeast(at(this.graphs, 0).inputs.filter(isImages), 1, "The network's inputs");
    const whole = this.computed("Shape", [name]);
    return this.computed("Slice", [whole, this.number(axis), this.number(axis + 1)]);
  }

  private number(value: number): string {
    const name = `size_${value}`.replace("-", "minus_");
    const bytes = new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
    this.numbers.set(name, { name, type: "int64", shape: [1], bytes });
    return name;
  }

  private computed(
    operator: string,
    inputs: readonly string[],
    attributes: NodeDefinition["attributes"] = {},
  ): string {
    const key = `${operator}(${inputs})`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const name = `shape_${this.known.size}`;
    this.known.set(key, name);
    this.added.push({ operator, domain: "", inputs, outputs: [name], attributes, origin: "shape" });
    return name;
  }
}
