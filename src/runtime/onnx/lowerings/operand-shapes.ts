/**
 * What kernels require of their operands' shapes. Each function returns why shapes do not fit together, or undefined. TensorFlow.js
 * checks most of this where a backend computes, which a tracing backend does not: without these checks a wrong shape would end in an
 * onnxruntime error about a node, or in wrong numbers.
 */
import { at, product, zip } from "../../../facts/checked-lists.ts";
import type { ConvolutionAttributes, ConvolutionWindow } from "../../convolution.ts";
import { channelsOf, spaceOf } from "../../image-shape.ts";
import { fromStart } from "../layout.ts";

type Shape = readonly number[];
interface Shaped {
  readonly shape: Shape;
}
type Shapes<Operand extends string> = Readonly<Record<Operand, Shaped>>;
type Refusal = string | undefined;

function mismatch(shapes: readonly Shape[]): Refusal {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  for (let fromEnd = 1; fromEnd <= rank; fromEnd++) {
    const sizes = new Set(shapes.map((shape) => shape.at(-fromEnd) ?? 1).filter((size) => size !== 1));
    if (sizes.size > 1)
      return `sizes ${[...sizes].join(" and ")} along axis ${rank - fromEnd} do not fit together`;
  }
  return undefined;
}

export function broadcastRefusal(operands: Shapes<string>): Refusal {
  return mismatch(Object.values(operands).map(({ shape }) => shape));
}

export function matrixProductRefusal(
  { a: { shape: a }, b: { shape: b } }: Shapes<"a" | "b">,
  { transposeA, transposeB }: { readonly transposeA: boolean; readonly transposeB: boolean },
): Refusal {
  if (a.length < 2 || b.length < 2) return "a matrix has two axes at least";
  const [columns, rows] = [a.at(transposeA ? -2 : -1), b.at(transposeB ? -1 : -2)];
  if (columns !== rows) return `${columns} columns cannot be multiplied with ${rows} rows`;
  return mismatch([a.slice(0, -2), b.slice(0, -2)]);
}

export function alongAxisRefusal(
  { x, matrix }: Shapes<"x" | "matrix">,
  { axis }: { readonly axis: number },
): Refusal {
  if (matrix.shape.length === 2 && matrix.shape[0] === x.shape[axis]) return undefined;
  return `the matrix must have ${x.shape[axis]} rows, one for each index along axis ${axis}`;
}

export function reshapeRefusal({ x }: Shapes<"x">, { shape }: Shaped): Refusal {
  const size = product(x.shape);
  const known = product(shape.filter((each) => each !== -1));
  const fits = shape.includes(-1) ? size % known === 0 : size === known;
  return fits ? undefined : `${size} values cannot have the shape [${shape.join(", ")}]`;
}

export function concatRefusal(operands: readonly Shaped[], axis: number): Refusal {
  const parts = operands.map(({ shape }) => shape).filter((shape) => product(shape) > 0);
  const others = (shape: Shape) => shape.toSpliced(fromStart(axis, shape.length), 1).join(", ");
  return new Set(parts.map(others)).size <= 1
    ? undefined
    : `they are joined along axis ${axis}, so all other axes must have equal sizes`;
}

export function packRefusal(operands: readonly Shaped[]): Refusal {
  const shapes = new Set(operands.map(({ shape }) => String(shape)));
  return shapes.size <= 1 ? undefined : "they must have one shape";
}

export function sliceRefusal(
  { x }: Shapes<"x">,
  attributes: { readonly begin: number | Shape; readonly size?: number | Shape | undefined },
): Refusal {
  const [begin, size] = [[attributes.begin].flat(), [attributes.size ?? []].flat()];
  const isInside = x.shape.every((whole, axis) => {
    const from = begin[axis] ?? 0;
    const count = size[axis] ?? -1;
    return from >= 0 && from + Math.max(count, 0) <= whole;
  });
  return isInside ? undefined : `the part from ${begin.join(", ")} of size ${size.join(", ")} is not inside`;
}

export function splitRefusal(
  { x }: Shapes<"x">,
  { numOrSizeSplits: parts, axis }: { readonly numOrSizeSplits: number | Shape; readonly axis: number },
): Refusal {
  const size = at(x.shape, fromStart(axis, x.shape.length));
  const isCount = typeof parts === "number";
  const fits = isCount ? size % parts === 0 : parts.reduce((sum, part) => sum + part, 0) === size;
  return fits
    ? undefined
    : `axis ${axis} cannot be split into ${isCount ? `${parts} parts` : parts.join(" + ")}`;
}

/** Requires an attribute with one entry for each axis. */
export const perAxisRefusal =
  <Name extends string>(name: Name) =>
  ({ x }: Shapes<"x">, attributes: Readonly<Record<Name, readonly unknown[]>>): Refusal => {
    const { length } = attributes[name];
    return length === x.shape.length
      ? undefined
      : `${name} has ${length} entries, one for each axis is needed`;
  };

/** Requires `gamma` and `beta` with one value for each channel, the last axis of `x`. */
export function perChannelRefusal({ x, gamma, beta }: Shapes<"x" | "gamma" | "beta">): Refusal {
  const channels = x.shape.at(-1);
  const wrong = Object.entries({ gamma, beta }).find(([, { shape }]) => String(shape) !== String([channels]));
  return wrong === undefined
    ? undefined
    : `${wrong[0]} must have one value for each of the ${channels} channels`;
}

export function convolutionRefusal(
  { x, weight }: Shapes<"x" | "weight">,
  { stride, padding, dilation }: ConvolutionWindow,
): Refusal {
  if (x.shape.length !== weight.shape.length) return "image and weight must have as many axes of space";
  if (weight.shape[1] !== channelsOf(x))
    return `the weight takes ${weight.shape[1]} channels and the image has ${channelsOf(x)}`;
  const space = spaceOf(x);
  if ([stride, padding, dilation].some((each) => each.length !== space.length))
    return `stride, padding and dilation need a number for each of ${space.length} axes`;
  const tooSmall = zip(space, weight.shape.slice(2), padding, dilation).findIndex(
    ([size, kernel, pad, spacing]) => size + 2 * pad <= spacing * (kernel - 1),
  );
  return tooSmall < 0 ? undefined : `the image is smaller than the kernel along axis ${tooSmall} of space`;
}

export function convolutionInputRefusal(
  { dy, weight }: Shapes<"dy" | "weight">,
  { size }: ConvolutionAttributes,
): Refusal {
  if (dy.shape.length !== weight.shape.length || size.length !== dy.shape.length - 2)
    return "image, weight and size must have as many axes of space";
  if (weight.shape[0] === channelsOf(dy)) return undefined;
  return `the weight takes ${weight.shape[0]} channels and the image has ${channelsOf(dy)}`;
}

export function convolutionWeightRefusal({ x, dy }: Shapes<"x" | "dy">): Refusal {
  if (x.shape.length === dy.shape.length && x.shape[0] === dy.shape[0]) return undefined;
  return "image and gradient must have the same batch and as many axes of space";
}

export function poolingRefusal({ x }: Shapes<"x">, { window }: { readonly window: Shape }): Refusal {
  const space = spaceOf(x);
  if (window.length !== space.length)
    return `the window has ${window.length} axes and the image ${space.length}`;
  const tooSmall = zip(space, window).findIndex(([size, each]) => size < each);
  return tooSmall < 0 ? undefined : `the image is smaller than the window along axis ${tooSmall} of space`;
}
