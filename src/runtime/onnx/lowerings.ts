/** How each TensorFlow.js kernel is written in ONNX: the one table that a trace looks things up in. */

import { channelsOf, spaceOf } from "../image-shape.ts";
import type { Resizing } from "../operators.ts";
import {
  convolutionInputLowering,
  convolutionLowering,
  convolutionWeightLowering,
  maxPoolingLowering,
  maxUnpoolingLowering,
} from "./convolution-lowerings.ts";
import { depthwiseLowering, depthwiseWeightLowering } from "./depthwise-lowerings.ts";
import type { GraphBuilder, Matrices, Value } from "./graph.ts";
import { channelsLast, image } from "./image-layout.ts";
import {
  arranged,
  arrangedTensor,
  broadcastTo,
  fromStart,
  identity,
  mapped,
  plain,
  plainTensor,
  sizeOf,
  splatTensor,
  stored,
  storedSizes,
  type Traced,
  toStored,
} from "./layout.ts";
import type { Attribute, OnnxType } from "./model-proto.ts";
import { normalizeChannels, normalizeChannelsGradient } from "./normalization-lowerings.ts";

/**
 * Writes one kernel into the graph. Each lowering states the operands and attributes that TensorFlow.js gives its kernel;
 * the table holds them all, so their common type accepts none.
 */
export type Lowering = (graph: GraphBuilder, inputs: never, attributes: never) => Traced | Traced[];

interface Unary {
  readonly x: Traced;
}
interface Binary {
  readonly a: Traced;
  readonly b: Traced;
}
interface Gradient {
  readonly dy: Traced;
}

// ---- elementwise ---------------------------------------------------------------------------------------------------

type Scalar = (x: number) => number;

/** An operation on each element, in whatever layout the operand has. */
function unary(operator: string, known?: Scalar, attributes: Record<string, Attribute> = {}) {
  return (graph: GraphBuilder, { x }: Unary): Traced => {
    if (known !== undefined && x.splat !== undefined)
      return splatTensor(graph, known(x.splat), x.type, x.shape);
    return mapped(x, graph.add(operator, [x.value], { attributes }));
  };
}

function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const size = (shape: readonly number[], axis: number) => shape[axis - rank + shape.length] ?? 1;
  return identity(rank).map((axis) => (size(a, axis) === 1 ? size(b, axis) : size(a, axis)));
}

/**
 * An operation on each pair of elements: in the layout of the larger operand, repeated axes still not stored.
 *
 * @param further inputs of the operator, as they are
 */
function elementwise(
  graph: GraphBuilder,
  operator: string,
  operands: readonly Traced[],
  type: OnnxType,
  further: readonly Value[] = [],
): Traced {
  const shape = operands.map((operand) => operand.shape).reduce(broadcastShape);
  const wide = operands.map((operand) => broadcastTo(operand, shape));
  const leader = wide.reduce((best, each) => (sizeOf(each.stored) > sizeOf(best.stored) ? each : best));
  const values = operands.map((operand) => arranged(graph, operand, leader.axes));
  const sizes = wide.map((operand) => storedSizes(operand, leader.axes));
  return {
    value: graph.add(operator, [...values, ...further]),
    type,
    shape,
    axes: leader.axes,
    stored: leader.axes.map((_, place) => Math.max(...sizes.map((each) => each[place]))),
  };
}

type Fold = (a: number, b: number) => number;

function arithmetic(operator: string, known: Fold, simplify?: (a: Traced, b: Traced) => Traced | undefined) {
  return (graph: GraphBuilder, { a, b }: Binary): Traced => {
    const shape = broadcastShape(a.shape, b.shape);
    if (a.splat !== undefined && b.splat !== undefined)
      return splatTensor(graph, known(a.splat, b.splat), a.type, shape);
    const simpler = simplify?.(a, b);
    return simpler === undefined ? elementwise(graph, operator, [a, b], a.type) : broadcastTo(simpler, shape);
  };
}

const comparison =
  (operator: string) =>
  (graph: GraphBuilder, { a, b }: Binary) =>
    elementwise(graph, operator, [a, b], "bool");

function add(graph: GraphBuilder, { a, b }: Binary): Traced {
  if (a.splat === 0) return broadcastTo(b, broadcastShape(a.shape, b.shape));
  if (b.splat === 0) return broadcastTo(a, broadcastShape(a.shape, b.shape));
  return isBias(a, b)
    ? elementwise(graph, "BiasAdd", [a, b], a.type, [b.value])
    : elementwise(graph, "Add", [a, b], a.type);
}

/** Whether `b` has a value for each channel of what a matrix product or a convolution may have made. */
function isBias(a: Traced, b: Traced): boolean {
  const last = a.shape.length - 1;
  const place = last === 1 ? 1 : a.axes[last];
  const whole = sizeOf(a.stored) === sizeOf(a.shape) && a.axes[0] === 0 && place === 1;
  return whole && b.shape.length === 1 && b.stored[0] === a.shape[last];
}

function cast(graph: GraphBuilder, { x }: Unary, { dtype }: { dtype: OnnxType }): Traced {
  // TensorFlow.js has one name for both floating-point types.
  if (dtype === x.type || (dtype === "float32" && x.type === "float16")) return x;
  if (x.splat !== undefined) return splatTensor(graph, x.splat, dtype, x.shape);
  return { ...x, type: dtype, value: graph.cast(x.value, x.type, dtype) };
}

function select(
  graph: GraphBuilder,
  { condition, t, e }: { condition: Traced; t: Traced; e: Traced },
): Traced {
  return elementwise(graph, "Where", [condition, t, e], t.type);
}

function leakyRelu(graph: GraphBuilder, { x }: Unary, { alpha }: { alpha: number }): Traced {
  return mapped(x, graph.add("LeakyRelu", [x.value], { attributes: { alpha: { float: alpha } } }));
}

function clip(
  graph: GraphBuilder,
  { x }: Unary,
  range: { clipValueMin: number; clipValueMax: number },
): Traced {
  const limits = [graph.scalar(range.clipValueMin, x.type), graph.scalar(range.clipValueMax, x.type)];
  return mapped(x, graph.add("Clip", [x.value, ...limits]));
}

/** max(0, min(1, factor · x + shift)) in one pass. */
function ramp(graph: GraphBuilder, x: Traced, factor: number, shift: number): Traced {
  const attributes = { alpha: { float: factor }, beta: { float: shift } };
  return mapped(x, graph.add("HardSigmoid", [x.value], { attributes }));
}

/** So steep that it is a step. */
const STEEP = 1e38;

/** The derivative of ReLU-like steps: 1 above zero, `alpha` below. */
function step(graph: GraphBuilder, { x }: Unary, { alpha }: { alpha: number }): Traced {
  if (alpha === 0 && graph.target === "cpu") return ramp(graph, x, STEEP, 0);
  const positive = graph.add("Greater", [x.value, graph.scalar(0, x.type)]);
  return mapped(x, graph.add("Where", [positive, graph.scalar(1, x.type), graph.scalar(alpha, x.type)]));
}

/** dy · (y > 0 ? 1 : y + 1), TensorFlow.js's gradient of ELU from its output. */
function eluGrad(graph: GraphBuilder, { dy, y }: Gradient & { y: Traced }): Traced {
  if (graph.target === "cpu") return elementwise(graph, "Mul", [dy, ramp(graph, y, 1, 1)], y.type);
  const one: Traced = splatTensor(graph, 1, y.type, []);
  const rising = elementwise(graph, "Greater", [y, splatTensor(graph, 0, y.type, [])], "bool");
  const slope = select(graph, { condition: rising, t: one, e: add(graph, { a: y, b: one }) });
  return elementwise(graph, "Mul", [dy, slope], y.type);
}

// ---- shape ---------------------------------------------------------------------------------------------------------

function transpose(_graph: GraphBuilder, { x }: Unary, { perm }: { perm: readonly number[] }): Traced {
  return { ...x, shape: perm.map((axis) => x.shape[axis]), axes: perm.map((axis) => x.axes[axis]) };
}

function reshape(graph: GraphBuilder, { x }: Unary, { shape: wanted }: { shape: readonly number[] }): Traced {
  const size = sizeOf(x.shape);
  const known = sizeOf(wanted.filter((each) => each !== -1));
  const shape = wanted.map((each) => (each === -1 ? size / known : each));
  if (shape.length === x.shape.length && shape.every((each, axis) => each === x.shape[axis])) return x;
  if (x.splat !== undefined) return splatTensor(graph, x.splat, x.type, shape);
  return plainTensor(graph.add("Reshape", [plain(graph, x), graph.integers(shape)]), x.type, shape);
}

function concat(
  graph: GraphBuilder,
  inputs: Readonly<Record<string, Traced>>,
  { axis }: { axis: number },
): Traced {
  const parts = Object.values(inputs).filter((part) => sizeOf(part.shape) > 0);
  const [first] = parts;
  if (parts.length === 1) return first;
  const values = parts.map((part) => stored(graph, part, first.axes));
  const along = fromStart(axis, first.shape.length);
  const shape = first.shape.map((size, each) =>
    each === along ? parts.reduce((sum, part) => sum + part.shape[along], 0) : size,
  );
  const value = graph.add("Concat", values, { attributes: { axis: first.axes[along] } });
  return arrangedTensor(value, first.type, shape, first.axes);
}

function slice(
  graph: GraphBuilder,
  { x }: Unary,
  attributes: { begin: number | number[]; size: number | number[] },
): Traced {
  const begins = [attributes.begin].flat();
  const sizes = [attributes.size].flat();
  const shape = x.shape.map((size, axis) => {
    const wanted = sizes[axis] ?? -1;
    return wanted === -1 ? size - (begins[axis] ?? 0) : wanted;
  });
  if (x.splat !== undefined) return splatTensor(graph, x.splat, x.type, shape);
  const cut = identity(shape.length).filter((axis) => shape[axis] !== x.shape[axis]);
  if (cut.length === 0) return x;
  const starts = cut.map((axis) => begins[axis] ?? 0);
  const value = graph.add("Slice", [
    stored(graph, x),
    graph.integers(starts),
    graph.integers(cut.map((axis, index) => starts[index] + shape[axis])),
    graph.integers(cut.map((axis) => x.axes[axis])),
  ]);
  return arrangedTensor(value, x.type, shape, x.axes);
}

function splitV(
  graph: GraphBuilder,
  { x }: Unary,
  attributes: { numOrSizeSplits: number | number[]; axis: number },
): Traced[] {
  const axis = fromStart(attributes.axis, x.shape.length);
  const parts = attributes.numOrSizeSplits;
  const sizes = Array.isArray(parts) ? parts : new Array<number>(parts).fill(x.shape[axis] / parts);
  const values = graph.addMany("Split", [stored(graph, x), graph.integers(sizes)], {
    attributes: { axis: x.axes[axis] },
    outputs: sizes.length,
  });
  return values.map((value, index) => {
    const shape = x.shape.with(axis, sizes[index]);
    return arrangedTensor(value, x.type, shape, x.axes);
  });
}

/** Stacks along a new axis. */
function pack(
  graph: GraphBuilder,
  inputs: Readonly<Record<string, Traced>>,
  { axis }: { axis: number },
): Traced {
  const parts = Object.values(inputs).map((part) =>
    reshape(graph, { x: part }, { shape: part.shape.toSpliced(axis, 0, 1) }),
  );
  return concat(graph, Object.fromEntries(parts.entries()), { axis });
}

function unpack(
  graph: GraphBuilder,
  { value: x }: { value: Traced },
  { axis: at }: { axis: number },
): Traced[] {
  const axis = fromStart(at, x.shape.length);
  const count = x.shape[axis];
  return identity(count).map((index) => {
    const part = slice(
      graph,
      { x },
      { begin: x.shape.map((_, each) => (each === axis ? index : 0)), size: x.shape.with(axis, 1) },
    );
    return reshape(graph, { x: part }, { shape: x.shape.toSpliced(axis, 1) });
  });
}

function pad(
  graph: GraphBuilder,
  { x }: Unary,
  attributes: { paddings: [number, number][]; constantValue?: number; mode?: "reflect" | "symmetric" },
): Traced {
  const order = toStored(identity(x.shape.length), x.axes);
  const amounts = [
    ...order.map((axis) => attributes.paddings[axis][0]),
    ...order.map((axis) => attributes.paddings[axis][1]),
  ];
  const shape = x.shape.map(
    (size, axis) => size + attributes.paddings[axis][0] + attributes.paddings[axis][1],
  );
  if (attributes.mode === "symmetric")
    throw new Error("MirrorPad with mode symmetric has no ONNX form; use reflect.");
  const value = graph.add(
    "Pad",
    [stored(graph, x), graph.integers(amounts), graph.scalar(attributes.constantValue ?? 0, x.type)],
    {
      attributes: { mode: attributes.mode === "reflect" ? "reflect" : "constant" },
    },
  );
  return arrangedTensor(value, x.type, shape, x.axes);
}

function tile(graph: GraphBuilder, { x }: Unary, { reps }: { reps: readonly number[] }): Traced {
  const shape = x.shape.map((size, axis) => size * reps[axis]);
  if (x.shape.every((size, axis) => size === 1 || reps[axis] === 1)) return broadcastTo(x, shape);
  const value = graph.add("Tile", [stored(graph, x), graph.integers(toStored(reps, x.axes))]);
  return arrangedTensor(value, x.type, shape, x.axes);
}

function fill(
  graph: GraphBuilder,
  _: object,
  attributes: { shape: number[]; value: number; dtype?: OnnxType },
): Traced {
  return splatTensor(graph, attributes.value, attributes.dtype ?? "float32", attributes.shape);
}

// ---- indexing ------------------------------------------------------------------------------------------------------

function gather(
  graph: GraphBuilder,
  { x, indices }: Unary & { indices: Traced },
  { axis = 0, batchDims = 0 }: { axis?: number; batchDims?: number },
): Traced {
  if (batchDims !== 0)
    throw new Error("GatherV2 with batchDims has no lowering: flatten the batch into the indices.");
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const value = graph.add("Gather", [plain(graph, x), plain(graph, indices)], { attributes: { axis } });
  return plainTensor(value, x.type, shape);
}

/** Adds each row of `x` to the row of the result that `segmentIds` names: the gradient of a gather. */
function unsortedSegmentSum(
  graph: GraphBuilder,
  { x, segmentIds }: Unary & { segmentIds: Traced },
  { numSegments }: { numSegments: number },
): Traced {
  const shape = [numSegments, ...x.shape.slice(segmentIds.shape.length)];
  const count = sizeOf(segmentIds.shape);
  const rows = graph.add("Reshape", [plain(graph, segmentIds), graph.integers([count, 1])]);
  const indices = graph.cast(rows, segmentIds.type, "int64");
  const updates = graph.add("Reshape", [plain(graph, x), graph.integers([count, ...shape.slice(1)])]);
  const zeros = plain(graph, splatTensor(graph, 0, x.type, shape));
  const value = graph.add("ScatterND", [zeros, indices, updates], { attributes: { reduction: "add" } });
  return plainTensor(value, x.type, shape);
}

// ---- reductions ----------------------------------------------------------------------------------------------------

/** Over tensor axes, in the operand's own layout. */
function reduction(operator: string) {
  return (
    graph: GraphBuilder,
    { x }: Unary,
    attributes: { axis?: number | number[] | null; keepDims?: boolean },
  ): Traced => {
    const asked = [attributes.axis ?? identity(x.shape.length)].flat();
    const axes = asked.map((axis) => fromStart(axis, x.shape.length));
    if (axes.length === 0) return x;
    const value = graph.add(
      operator,
      [stored(graph, x), graph.integers(axes.map((axis) => x.axes[axis]).sort((a, b) => a - b))],
      {
        attributes: { keepdims: attributes.keepDims ? 1 : 0 },
      },
    );
    if (attributes.keepDims) {
      const shape = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
      return arrangedTensor(value, x.type, shape, x.axes);
    }
    const kept = identity(x.shape.length).filter((axis) => !axes.includes(axis));
    const shape = kept.map((axis) => x.shape[axis]);
    const places = kept.map((axis) => x.axes[axis]);
    const ranked = places.map((place) => places.filter((other) => other < place).length);
    return arrangedTensor(value, x.type, shape, ranked);
  };
}

/** TensorFlow.js calls the axes of Max otherwise, those of Min not. */
function largest(
  graph: GraphBuilder,
  { x }: Unary,
  { reductionIndices: axis, keepDims }: { reductionIndices: number | number[]; keepDims?: boolean },
): Traced {
  return reduction("ReduceMax")(graph, { x }, { axis, keepDims });
}

function softmax(graph: GraphBuilder, { logits }: { logits: Traced }, { dim }: { dim: number }): Traced {
  const axis = logits.axes[fromStart(dim, logits.shape.length)];
  const value = graph.add("Softmax", [stored(graph, logits)], { attributes: { axis } });
  return arrangedTensor(value, logits.type, logits.shape, logits.axes);
}

// ---- matrix products -----------------------------------------------------------------------------------------------

/** A matrix (or stack of them) as it is stored, as it is or `transposed`. */
function matrices(graph: GraphBuilder, x: Traced, transposed: boolean): Matrices {
  const rank = x.shape.length;
  const straight = identity(rank);
  const swapped = [...straight.slice(0, -2), rank - 1, rank - 2];
  const flipped = x.axes.every((place, axis) => place === swapped[axis]);
  return { value: stored(graph, x, flipped ? swapped : straight), rank, swapped: flipped !== transposed };
}

function matMul(
  graph: GraphBuilder,
  { a, b }: Binary,
  { transposeA, transposeB }: { transposeA: boolean; transposeB: boolean },
): Traced {
  const rank = Math.max(a.shape.length, b.shape.length);
  const rows = a.shape.at(transposeA ? -1 : -2) ?? 1;
  const columns = b.shape.at(transposeB ? -2 : -1) ?? 1;
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const [first, second] = [matrices(graph, a, transposeA), matrices(graph, b, transposeB)];
  const value =
    rank === 2
      ? graph.add("Gemm", [first.value, second.value], {
          attributes: { transA: first.swapped ? 1 : 0, transB: second.swapped ? 1 : 0 },
        })
      : graph.matrixProduct(first, second);
  return plainTensor(value, a.type, [...batch, rows, columns]);
}

/** ONNX's attributes for a way of resizing. */
const RESIZE: Readonly<Record<Resizing, Record<string, Attribute>>> = {
  area: { mode: "linear", coordinate_transformation_mode: "half_pixel" },
  corners: { mode: "linear", coordinate_transformation_mode: "align_corners" },
  nearest: { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
};

/** Each line along an axis times a matrix. */
function alongAxis(
  graph: GraphBuilder,
  { x, matrix: factors }: Unary & { matrix: Traced },
  { axis, resizing }: { axis: number; resizing?: Resizing },
): Traced {
  if (graph.target === "portable" && resizing !== undefined) {
    const [batch, space] = [x.shape[0], spaceOf(x).with(axis - 1, factors.shape[1])];
    const size = graph.integers([batch, channelsOf(x), ...space]);
    const value = graph.add("Resize", [image(graph, x), "", "", size], { attributes: RESIZE[resizing] });
    return channelsLast(value, batch, space, channelsOf(x), x.type);
  }
  const last = x.shape.length - 1;
  const perm = identity(last + 1)
    .with(axis, last)
    .with(last, axis);
  const turned = transpose(graph, { x }, { perm });
  const lines = reshape(graph, { x: turned }, { shape: [-1, x.shape[axis]] });
  const product = matMul(graph, { a: lines, b: factors }, { transposeA: false, transposeB: false });
  const shape = [...turned.shape.slice(0, -1), factors.shape[1]];
  return transpose(graph, { x: reshape(graph, { x: product }, { shape }) }, { perm });
}

// ---- our own kernels (runtime/operators.ts) ------------------------------------------------------------------------

function layerNormalization(
  graph: GraphBuilder,
  { x, gamma, beta }: Unary & { gamma: Traced; beta: Traced },
  { epsilon }: { epsilon: number },
): Traced[] {
  const values = graph.addMany(
    "LayerNormalization",
    [plain(graph, x), plain(graph, gamma), plain(graph, beta)],
    {
      attributes: { axis: -1, epsilon: { float: epsilon } },
      outputs: 3,
    },
  );
  const statistics = x.shape.with(-1, 1);
  return values.map((value, index) => plainTensor(value, x.type, index === 0 ? x.shape : statistics));
}

function standardize(
  graph: GraphBuilder,
  { x }: Unary,
  { axes, epsilon }: { axes: number[]; epsilon: number },
): Traced[] {
  const mean = reduction("ReduceMean")(graph, { x }, { axis: axes, keepDims: true });
  const centered = elementwise(graph, "Sub", [x, mean], x.type);
  const square = elementwise(graph, "Mul", [centered, centered], x.type);
  const variance = reduction("ReduceMean")(graph, { x: square }, { axis: axes, keepDims: true });
  const raised = elementwise(graph, "Add", [variance, splatTensor(graph, epsilon, x.type, [])], x.type);
  const deviation = { ...raised, value: graph.add("Sqrt", [raised.value]) };
  return [elementwise(graph, "Div", [centered, deviation], x.type), mean, variance];
}

/** x · Φ(x); ONNX has it as one operator since opset 20, which portable graphs do not ask for. */
function gelu(graph: GraphBuilder, { x }: Unary): Traced {
  if (graph.target !== "portable") return unary("Gelu")(graph, { x });
  const number = (value: number) => graph.scalar(value, x.type);
  const rising = graph.add("Erf", [graph.add("Mul", [x.value, number(Math.SQRT1_2)])]);
  const share = graph.add("Mul", [graph.add("Add", [rising, number(1)]), number(0.5)]);
  return mapped(x, graph.add("Mul", [x.value, share]));
}

function silu(graph: GraphBuilder, { x }: Unary): Traced {
  if (graph.target !== "cpu") {
    const rising = unary("Sigmoid")(graph, { x });
    return elementwise(graph, "Mul", [x, rising], x.type);
  }
  const value = graph.add("QuickGelu", [x.value], {
    attributes: { alpha: { float: 1 } },
    domain: "com.microsoft",
  });
  return mapped(x, value);
}

const times = (a: Traced, b: Traced) => (a.splat === 1 ? b : b.splat === 1 ? a : undefined);

export const lowerings: Readonly<Record<string, Lowering>> = {
  Abs: unary("Abs", Math.abs),
  Elu: unary("Elu"),
  Erf: unary("Erf"),
  Exp: unary("Exp", Math.exp),
  Log: unary("Log", Math.log),
  Neg: unary("Neg", (x) => -x),
  Reciprocal: unary("Reciprocal", (x) => 1 / x),
  Relu: unary("Relu", (x) => Math.max(x, 0)),
  Rsqrt: (graph: GraphBuilder, inputs: Unary) =>
    unary("Reciprocal")(graph, { x: unary("Sqrt")(graph, inputs) }),
  Sigmoid: unary("Sigmoid"),
  Softplus: unary("Softplus"),
  Sqrt: unary("Sqrt", Math.sqrt),
  Square: (graph: GraphBuilder, { x }: Unary) => elementwise(graph, "Mul", [x, x], x.type),
  Tanh: unary("Tanh", Math.tanh),
  Floor: unary("Floor", Math.floor),
  Sin: unary("Sin", Math.sin),
  Cos: unary("Cos", Math.cos),
  LogicalNot: unary("Not"),
  Gelu: gelu,
  LeakyRelu: leakyRelu,
  ClipByValue: clip,
  Step: step,
  EluGrad: eluGrad,
  Cast: cast,
  Identity: (_: GraphBuilder, { x }: Unary) => x,
  OnesLike: (graph: GraphBuilder, { x }: Unary) => splatTensor(graph, 1, x.type, x.shape),
  ZerosLike: (graph: GraphBuilder, { x }: Unary) => splatTensor(graph, 0, x.type, x.shape),
  Fill: fill,

  Add: add,
  Sub: arithmetic(
    "Sub",
    (a, b) => a - b,
    (a, b) => (b.splat === 0 ? a : undefined),
  ),
  Multiply: arithmetic("Mul", (a, b) => a * b, times),
  RealDiv: arithmetic(
    "Div",
    (a, b) => a / b,
    (a, b) => (b.splat === 1 ? a : undefined),
  ),
  Maximum: arithmetic("Max", Math.max),
  Minimum: arithmetic("Min", Math.min),
  Pow: arithmetic(
    "Pow",
    (a, b) => a ** b,
    (a, b) => (b.splat === 1 ? a : undefined),
  ),
  SquaredDifference: (graph: GraphBuilder, { a, b }: Binary) => {
    const difference = elementwise(graph, "Sub", [a, b], a.type);
    return elementwise(graph, "Mul", [difference, difference], a.type);
  },
  Equal: comparison("Equal"),
  Greater: comparison("Greater"),
  GreaterEqual: comparison("GreaterOrEqual"),
  Less: comparison("Less"),
  LessEqual: comparison("LessOrEqual"),
  LogicalAnd: comparison("And"),
  LogicalOr: comparison("Or"),
  Select: select,

  Transpose: transpose,
  Reshape: reshape,
  ExpandDims: (graph: GraphBuilder, { input: x }: { input: Traced }, { dim }: { dim: number }) =>
    reshape(graph, { x }, { shape: x.shape.toSpliced(fromStart(dim, x.shape.length + 1), 0, 1) }),
  Concat: concat,
  Slice: slice,
  SplitV: splitV,
  Pack: pack,
  Unpack: unpack,
  PadV2: pad,
  MirrorPad: pad,
  Tile: tile,

  GatherV2: gather,
  UnsortedSegmentSum: unsortedSegmentSum,

  Sum: reduction("ReduceSum"),
  Mean: reduction("ReduceMean"),
  Max: largest,
  Min: reduction("ReduceMin"),
  Softmax: softmax,
  BatchMatMul: matMul,
  AlongAxis: alongAxis,

  InSinglePrecision: (_: GraphBuilder, { x }: Unary) => x,
  WithoutGradient: (_: GraphBuilder, { x }: Unary) => x,
  ClippedGradient: (_: GraphBuilder, { x }: Unary) => x,
  LayerNormalization: layerNormalization,
  Silu: silu,
  Standardize: standardize,
  NormalizeChannels: normalizeChannels,
  NormalizeChannelsGradient: normalizeChannelsGradient,
  Convolution: convolutionLowering,
  ConvolutionInput: convolutionInputLowering,
  ConvolutionWeight: convolutionWeightLowering,
  Depthwise: depthwiseLowering,
  DepthwiseWeight: depthwiseWeightLowering,
  MaxPooling: maxPoolingLowering,
  MaxUnpooling: maxUnpoolingLowering,
};
