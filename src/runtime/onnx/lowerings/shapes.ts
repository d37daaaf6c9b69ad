/** Operations that change a tensor's shape or rearrange its elements. */
import { at, product, zip } from "../../../facts/checked-lists.ts";
import { COMPUTED_AFTER } from "../../computed-after.ts";
import { isNumber, isNumbers, optional, type Signature } from "../../kernel.ts";
import type { GraphBuilder } from "../graph.ts";
import {
  arrangedTensor,
  broadcastTo,
  fromStart,
  identity,
  permuted,
  plain,
  plainTensor,
  sameSizes,
  splatTensor,
  stored,
  type Traced,
  toStored,
} from "../layout.ts";
import {
  isNumberOrNumbers,
  isTensorType,
  joining,
  type Lowering,
  lowering,
  type TensorType,
  UNARY,
  type Unary,
} from "./lowering.ts";
import {
  concatRefusal,
  packRefusal,
  perAxisRefusal,
  reshapeRefusal,
  sliceRefusal,
  splitRefusal,
} from "./operand-shapes.ts";

interface Permutation {
  readonly perm: readonly number[];
}
const TRANSPOSE: Signature<"x", Permutation> = { operands: ["x"], attributes: { perm: isNumbers } };

/** Permutes a tensor's axes. Nothing is moved: only the layout changes. */
export function transpose(x: Traced, perm: readonly number[]): Traced {
  return { ...x, shape: permuted(x.shape, perm), axes: permuted(x.axes, perm) };
}

const RESHAPE: Signature<"x", { readonly shape: readonly number[] }> = {
  operands: ["x"],
  attributes: { shape: isNumbers },
};

/** @param wanted the new shape; -1 stands for the size that fits */
export function reshape(graph: GraphBuilder, x: Traced, wanted: readonly number[]): Traced {
  const known = product(wanted.filter((size) => size !== -1));
  const shape = wanted.map((size) => (size === -1 ? product(x.shape) / known : size));
  if (sameSizes(shape, x.shape)) return x;
  if (x.splat !== undefined) return splatTensor(graph, x.splat, x.type, shape);
  return plainTensor(graph.reshape(plain(graph, x), shape), x.type, shape);
}

const EXPAND_DIMS: Signature<"input", { readonly dim: number }> = {
  operands: ["input"],
  attributes: { dim: isNumber },
};

function concat(graph: GraphBuilder, given: readonly Traced[], axis: number): Traced {
  const parts = given.filter((part) => product(part.shape) > 0);
  const first = at(parts, 0);
  if (parts.length === 1) return first;
  const values = parts.map((part) => stored(graph, part, first.axes));
  const along = fromStart(axis, first.shape.length);
  const joined = parts.reduce((sum, part) => sum + at(part.shape, along), 0);
  const value = graph.add("Concat", values, { attributes: { axis: at(first.axes, along) } });
  return arrangedTensor(value, first.type, first.shape.with(along, joined), first.axes);
}

/** Stacks along a new axis. */
function pack(graph: GraphBuilder, parts: readonly Traced[], given: number): Traced {
  const axis = fromStart(given, at(parts, 0).shape.length + 1);
  const expanded = parts.map((part) => reshape(graph, part, part.shape.toSpliced(axis, 0, 1)));
  return concat(graph, expanded, axis);
}

/** Joins nothing of `other` to `x`, which makes onnxruntime compute `other` first. Other runtimes keep their own order. */
function computedAfter(
  graph: GraphBuilder,
  { x, other }: { readonly x: Traced; readonly other: Traced },
): Traced {
  if (graph.target !== "cpu") return x;
  const axis = x.shape.length - 2;
  const [zero, axes] = [graph.integers([0]), graph.integers([axis])];
  const nothing = graph.add("Slice", [plain(graph, other), zero, zero, axes]);
  const joined = graph.add("Concat", [plain(graph, x), nothing], { attributes: { axis } });
  return plainTensor(joined, x.type, x.shape);
}

interface Slice {
  readonly begin: number | readonly number[];
  /** -1 stands for all that follows `begin`, and so does an absent size. */
  readonly size?: number | readonly number[] | undefined;
}
const SLICE: Signature<"x", Slice> = {
  operands: ["x"],
  attributes: { begin: isNumberOrNumbers, size: optional(isNumberOrNumbers) },
};

function slice(graph: GraphBuilder, x: Traced, attributes: Slice): Traced {
  const [begins, sizes] = [[attributes.begin].flat(), [attributes.size ?? []].flat()];
  const shape = x.shape.map((size, axis) => {
    const wanted = sizes[axis] ?? -1;
    return wanted === -1 ? size - (begins[axis] ?? 0) : wanted;
  });
  if (x.splat !== undefined) return splatTensor(graph, x.splat, x.type, shape);
  const cut = identity(shape.length).filter((axis) => shape[axis] !== x.shape[axis]);
  if (cut.length === 0) return x;
  const starts = cut.map((axis) => begins[axis] ?? 0);
  const ends = zip(starts, permuted(shape, cut)).map(([start, size]) => start + size);
  const value = graph.add("Slice", [
    stored(graph, x),
    graph.integers(starts),
    graph.integers(ends),
    graph.integers(permuted(x.axes, cut)),
  ]);
  return arrangedTensor(value, x.type, shape, x.axes);
}

const REVERSE: Signature<"x", { readonly dims: number | readonly number[] }> = {
  operands: ["x"],
  attributes: { dims: isNumberOrNumbers },
};

/** Reverses the order of elements along axes. */
function reverse(graph: GraphBuilder, x: Traced, dims: number | readonly number[]): Traced {
  if (x.splat !== undefined) return x;
  const axes = [dims].flat().map((axis) => fromStart(axis, x.shape.length));
  const back = axes.map(() => -1);
  // From the last element to the one before the first, counted from the end.
  const ends = permuted(x.shape, axes).map((size) => -size - 1);
  const value = graph.add("Slice", [
    stored(graph, x),
    ...[back, ends, permuted(x.axes, axes), back].map((each) => graph.integers(each)),
  ]);
  return arrangedTensor(value, x.type, x.shape, x.axes);
}

interface Split {
  readonly numOrSizeSplits: number | readonly number[];
  readonly axis: number;
}
const SPLIT: Signature<"x", Split> = {
  operands: ["x"],
  attributes: { numOrSizeSplits: isNumberOrNumbers, axis: isNumber },
};

function split(graph: GraphBuilder, { x }: Unary, { numOrSizeSplits: parts, axis: given }: Split): Traced[] {
  const axis = fromStart(given, x.shape.length);
  const sizes = typeof parts === "number" ? new Array<number>(parts).fill(at(x.shape, axis) / parts) : parts;
  const values = graph.addMany("Split", [stored(graph, x), graph.integers(sizes)], {
    attributes: { axis: at(x.axes, axis) },
    outputs: sizes.length,
  });
  return values.map((value, index) =>
    arrangedTensor(value, x.type, x.shape.with(axis, at(sizes, index)), x.axes),
  );
}

const UNPACK: Signature<"value", { readonly axis: number }> = {
  operands: ["value"],
  attributes: { axis: isNumber },
};

/** Splits along an axis, which the parts do not have. */
function unpack(graph: GraphBuilder, x: Traced, given: number): Traced[] {
  const axis = fromStart(given, x.shape.length);
  return identity(at(x.shape, axis)).map((index) => {
    const begin = x.shape.map((_, each) => (each === axis ? index : 0));
    const part = slice(graph, x, { begin, size: x.shape.with(axis, 1) });
    return reshape(graph, part, x.shape.toSpliced(axis, 1));
  });
}

interface Padding {
  /** Numbers of elements before and after, for each axis. */
  readonly paddings: readonly (readonly number[])[];
  readonly constantValue?: number | undefined;
  readonly mode?: string | undefined;
}
const PAD: Signature<"x", Padding> = {
  operands: ["x"],
  attributes: {
    paddings: (value): value is readonly (readonly number[])[] =>
      Array.isArray(value) && value.every((pair) => isNumbers(pair) && pair.length === 2),
    constantValue: optional(isNumber),
    mode: optional((value): value is string => typeof value === "string"),
  },
};

function pad(graph: GraphBuilder, { x }: Unary, { paddings, constantValue = 0, mode }: Padding): Traced {
  if (mode === "symmetric") throw new Error("MirrorPad with mode symmetric has no ONNX form; use reflect.");
  const before = paddings.map((pair) => at(pair, 0));
  const after = paddings.map((pair) => at(pair, 1));
  const amounts = [...toStored(before, x.axes), ...toStored(after, x.axes)];
  const shape = zip(x.shape, before, after).map(([size, ...added]) => size + added[0] + added[1]);
  const value = graph.add(
    "Pad",
    [stored(graph, x), graph.integers(amounts), graph.scalar(constantValue, x.type)],
    { attributes: { mode: mode === "reflect" ? "reflect" : "constant" } },
  );
  return arrangedTensor(value, x.type, shape, x.axes);
}

interface Repetition {
  readonly reps: readonly number[];
}
const TILE: Signature<"x", Repetition> = { operands: ["x"], attributes: { reps: isNumbers } };

function tile(graph: GraphBuilder, { x }: Unary, { reps }: Repetition): Traced {
  const sizes = zip(x.shape, reps);
  const shape = sizes.map(([size, count]) => size * count);
  if (sizes.every(([size, count]) => size === 1 || count === 1)) return broadcastTo(x, shape);
  const value = graph.add("Tile", [stored(graph, x), graph.integers(toStored(reps, x.axes))]);
  return arrangedTensor(value, x.type, shape, x.axes);
}

interface Fill {
  readonly shape: readonly number[];
  readonly value: number;
  readonly dtype?: TensorType | undefined;
}
const FILL: Signature<never, Fill> = {
  operands: [],
  attributes: {
    shape: isNumbers,
    value: isNumber,
    dtype: optional(isTensorType),
  },
};

export const shapeLowerings: Readonly<Record<string, Lowering>> = {
  Transpose: lowering(TRANSPOSE, (_, { x }, { perm }) => transpose(x, perm), perAxisRefusal("perm")),
  Reshape: lowering(RESHAPE, (graph, { x }, { shape }) => reshape(graph, x, shape), reshapeRefusal),
  ExpandDims: lowering(EXPAND_DIMS, (graph, { input: x }, { dim }) =>
    reshape(graph, x, x.shape.toSpliced(fromStart(dim, x.shape.length + 1), 0, 1)),
  ),
  Concat: joining(concat, concatRefusal),
  Pack: joining(pack, packRefusal),
  [COMPUTED_AFTER.name]: lowering(COMPUTED_AFTER, computedAfter),
  Slice: lowering(SLICE, (graph, { x }, attributes) => slice(graph, x, attributes), sliceRefusal),
  Reverse: lowering(REVERSE, (graph, { x }, { dims }) => reverse(graph, x, dims)),
  SplitV: lowering(SPLIT, split, splitRefusal),
  Unpack: lowering(UNPACK, (graph, { value }, { axis }) => unpack(graph, value, axis)),
  PadV2: lowering(PAD, pad, perAxisRefusal("paddings")),
  MirrorPad: lowering(PAD, pad, perAxisRefusal("paddings")),
  Tile: lowering(TILE, tile, perAxisRefusal("reps")),
  Fill: lowering(FILL, (graph, _, { shape, value, dtype = "float32" }) =>
    splatTensor(graph, value, dtype, shape),
  ),
  OnesLike: lowering(UNARY, (graph, { x }) => splatTensor(graph, 1, x.type, x.shape)),
  ZerosLike: lowering(UNARY, (graph, { x }) => splatTensor(graph, 0, x.type, x.shape)),
};
