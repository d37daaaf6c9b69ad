/**
 * What each kernel demands of its operands' shapes. TensorFlow.js checks most of it where a backend computes, which a tracing one does
 * not: without these checks a wrong shape would end in an error of onnxruntime's about a node, or in wrong numbers.
 */
import type { ConvolutionAttributes, ConvolutionWindow } from "../convolution.ts";
import { channelsOf, spaceOf } from "../image-shape.ts";
import { fromStart, sizeOf, type Traced } from "./layout.ts";

type Shape = readonly number[];
export type Operands = Readonly<Record<string, Traced | readonly Traced[] | null | undefined>>;

/** Returns what is wrong with operands, or nothing. Each check states the operands and attributes of its kernel. */
type Check = (shapes: Readonly<Record<string, Shape>>, attributes: never) => string | undefined;

/** Throws where the operands of a kernel do not fit together, with their names and shapes. */
export function checkOperands(kernel: string, operands: Operands, attributes: object): void {
  const check = CHECKS[kernel];
  if (check === undefined) return;
  const shapes = Object.fromEntries(
    Object.entries(operands)
      .flatMap(([name, operand]) => namedTensors(name, operand))
      .map(([name, { shape }]) => [name, shape]),
  );
  const reason = check(shapes, attributes as never);
  if (reason === undefined) return;
  const given = Object.entries(shapes).map(([name, shape]) => `${name} [${shape.join(", ")}]`);
  throw new Error(`${kernel} of ${given.join(" and ")}: ${reason}.`);
}

function namedTensors(name: string, operand: Operands[string]): (readonly [string, Traced])[] {
  if (operand == null) return [];
  if ("shape" in operand) return [[name, operand]];
  return operand.map((each, index) => [`${name}${index}`, each]);
}

function alike(shapes: Readonly<Record<string, Shape>>): string | undefined {
  const all = Object.values(shapes);
  const rank = Math.max(...all.map((shape) => shape.length));
  for (let fromEnd = 1; fromEnd <= rank; fromEnd++) {
    const sizes = new Set(all.map((shape) => shape.at(-fromEnd) ?? 1).filter((size) => size !== 1));
    if (sizes.size > 1)
      return `sizes ${[...sizes].join(" and ")} along axis ${rank - fromEnd} do not fit together`;
  }
  return undefined;
}

function matrixProduct(
  { a, b }: Readonly<Record<"a" | "b", Shape>>,
  { transposeA, transposeB }: { readonly transposeA: boolean; readonly transposeB: boolean },
): string | undefined {
  if (a.length < 2 || b.length < 2) return "a matrix has two axes at least";
  const [columns, rows] = [a.at(transposeA ? -2 : -1), b.at(transposeB ? -1 : -2)];
  if (columns !== rows) return `${columns} columns cannot be multiplied with ${rows} rows`;
  return alike({ a: a.slice(0, -2), b: b.slice(0, -2) });
}

function reshape(
  { x }: Readonly<Record<"x", Shape>>,
  { shape }: { readonly shape: Shape },
): string | undefined {
  const size = sizeOf(x);
  const known = sizeOf(shape.filter((each) => each !== -1));
  const fits = shape.includes(-1) ? size % known === 0 : size === known;
  return fits ? undefined : `${size} values cannot have the shape [${shape.join(", ")}]`;
}

function concat(
  shapes: Readonly<Record<string, Shape>>,
  { axis }: { readonly axis: number },
): string | undefined {
  const parts = Object.values(shapes).filter((shape) => sizeOf(shape) > 0);
  const others = (shape: Shape) => shape.toSpliced(fromStart(axis, shape.length), 1).join(", ");
  return new Set(parts.map(others)).size <= 1
    ? undefined
    : `they differ beside axis ${axis}, along which they are joined`;
}

function same(shapes: Readonly<Record<string, Shape>>): string | undefined {
  return new Set(Object.values(shapes).map(String)).size <= 1 ? undefined : "they must have one shape";
}

function slice(
  { x }: Readonly<Record<"x", Shape>>,
  attributes: { readonly begin: number | Shape; readonly size: number | Shape },
): string | undefined {
  const [begin, size] = [[attributes.begin].flat(), [attributes.size].flat()];
  const outside = x.findIndex((whole, axis) => {
    const from = begin[axis] ?? 0;
    const count = size[axis] ?? -1;
    return from < 0 || from + Math.max(count, 0) > whole;
  });
  return outside < 0
    ? undefined
    : `the part from ${begin.join(", ")} of size ${size.join(", ")} is not inside`;
}

function split(
  { x }: Readonly<Record<"x", Shape>>,
  { numOrSizeSplits: parts, axis }: { readonly numOrSizeSplits: number | Shape; readonly axis: number },
): string | undefined {
  const size = x[fromStart(axis, x.length)];
  const fits = typeof parts === "number" ? size % parts === 0 : sumOf(parts) === size;
  return fits
    ? undefined
    : `axis ${axis} cannot be split into ${typeof parts === "number" ? `${parts} parts` : parts.join(" + ")}`;
}

const sumOf = (values: Shape) => values.reduce((sum, value) => sum + value, 0);

/** An attribute has a number, or a pair, for each axis. */
const perAxis =
  <Name extends string>(name: Name) =>
  (
    { x }: Readonly<Record<"x", Shape>>,
    attributes: Readonly<Record<Name, readonly unknown[]>>,
  ): string | undefined =>
    attributes[name].length === x.length
      ? undefined
      : `${name} has ${attributes[name].length} entries, one for each axis is needed`;

/** Operands that have a value for each channel, the last axis of `x`. */
const perChannel =
  (...names: readonly string[]) =>
  (shapes: Readonly<Record<string, Shape>>): string | undefined => {
    const channels = (shapes.x ?? []).at(-1);
    const wrong = names.find((name) => String(shapes[name]) !== String([channels]));
    return wrong === undefined
      ? undefined
      : `${wrong} must have one value for each of the ${channels} channels`;
  };

function convolution(
  { x, weight }: Readonly<Record<"x" | "weight", Shape>>,
  { stride, padding, dilation }: ConvolutionWindow,
): string | undefined {
  if (x.length !== weight.length) return "image and weight must have as many axes of space";
  if (weight[1] !== channelsOf({ shape: x }))
    return `the weight takes ${weight[1]} channels and the image has ${channelsOf({ shape: x })}`;
  const space = spaceOf({ shape: x });
  if ([stride, padding, dilation].some((each) => each.length !== space.length))
    return `stride, padding and dilation need a number for each of ${space.length} axes`;
  const small = space.findIndex(
    (size, axis) => size + 2 * padding[axis] <= dilation[axis] * (weight[axis + 2] - 1),
  );
  return small < 0 ? undefined : `the image is smaller than the kernel along axis ${small} of space`;
}

function convolutionInput(
  { dy, weight }: Readonly<Record<"dy" | "weight", Shape>>,
  { size }: ConvolutionAttributes,
): string | undefined {
  if (dy.length !== weight.length || size.length !== dy.length - 2)
    return "image, weight and size must have as many axes of space";
  if (weight[0] === channelsOf({ shape: dy })) return undefined;
  return `the weight takes ${weight[0]} channels and the image has ${channelsOf({ shape: dy })}`;
}

function convolutionWeight({ x, dy }: Readonly<Record<"x" | "dy", Shape>>): string | undefined {
  if (x.length === dy.length && x[0] === dy[0]) return undefined;
  return "image and gradient must have the same batch and as many axes of space";
}

function alongAxis(
  { x, matrix }: Readonly<Record<"x" | "matrix", Shape>>,
  { axis }: { readonly axis: number },
): string | undefined {
  if (matrix.length === 2 && matrix[0] === x[axis]) return undefined;
  return `the matrix must have ${x[axis]} rows, one for each place along axis ${axis}`;
}

function maxPooling(
  { x }: Readonly<Record<"x", Shape>>,
  { window }: { readonly window: Shape },
): string | undefined {
  const space = spaceOf({ shape: x });
  if (window.length !== space.length)
    return `the window has ${window.length} axes and the image ${space.length}`;
  const small = space.findIndex((size, axis) => size < window[axis]);
  return small < 0 ? undefined : `the image is smaller than the window along axis ${small} of space`;
}

const BINARY = [
  ...["Add", "Sub", "Multiply", "RealDiv", "Maximum", "Minimum", "Pow", "SquaredDifference"],
  ...["Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "LogicalOr", "Select"],
];

const CHECKS: Readonly<Record<string, Check>> = {
  ...Object.fromEntries(BINARY.map((kernel) => [kernel, alike])),
  BatchMatMul: matrixProduct,
  Reshape: reshape,
  Concat: concat,
  Pack: same,
  Slice: slice,
  SplitV: split,
  PadV2: perAxis("paddings"),
  MirrorPad: perAxis("paddings"),
  Tile: perAxis("reps"),
  Transpose: perAxis("perm"),
  LayerNormalization: perChannel("gamma", "beta"),
  NormalizeChannels: perChannel("gamma", "beta"),
  Convolution: convolution,
  ConvolutionInput: convolutionInput,
  ConvolutionWeight: convolutionWeight,
  AlongAxis: alongAxis,
  MaxPooling: maxPooling,
};
