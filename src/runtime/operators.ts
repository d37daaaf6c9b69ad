/** Operations that TensorFlow.js lacks: products along an axis, and operations that change only precision or gradients. */
import { exactly } from "../facts/checked-lists.ts";
import { isNumber, type Kernel, optional, registerComposed, registerGradient, runKernel } from "./kernel.ts";
import { tf } from "./tensor.ts";

/**
 * How a matrix resizes an image: linearly between pixels whose areas (`area`) or whose corner pixels (`corners`) coincide, or by the
 * nearest pixel. PyTorch's `align_corners=False`, `align_corners=True` and `mode="nearest"`.
 */
export type Resizing = "area" | "corners" | "nearest";
const isResizing = (value: unknown): value is Resizing =>
  value === "area" || value === "corners" || value === "nearest";

interface AlongAxis {
  readonly axis: number;
  /** What the matrix does to an image, where it resizes one. */
  readonly resizing?: Resizing | undefined;
}
export const ALONG_AXIS: Kernel<"x" | "matrix", AlongAxis> = {
  name: "AlongAxis",
  operands: ["x", "matrix"],
  attributes: { axis: isNumber, resizing: optional(isResizing) },
};
export const IN_SINGLE_PRECISION: Kernel<"x", object> = {
  name: "InSinglePrecision",
  operands: ["x"],
  attributes: {},
};
export const WITHOUT_GRADIENT: Kernel<"x", object> = {
  name: "WithoutGradient",
  operands: ["x"],
  attributes: {},
};
export const CLIPPED_GRADIENT: Kernel<"x", { readonly norm: number }> = {
  name: "ClippedGradient",
  operands: ["x"],
  attributes: { norm: isNumber },
};

/**
 * Multiplies each line of `x` along an axis with a constant matrix `[size, new size]`.
 *
 * @param resizing how the matrix resizes an image, if it does: portable models name the method instead of storing the matrix
 */
export function alongAxis(x: tf.Tensor, axis: number, matrix: tf.Tensor, resizing?: Resizing): tf.Tensor {
  return runKernel(ALONG_AXIS, { x, matrix }, { axis, resizing });
}

registerComposed(ALONG_AXIS, ({ x, matrix }, { axis }) => {
  const last = x.rank - 1;
  const order = x.shape
    .map((_, each) => each)
    .with(axis, last)
    .with(last, axis);
  const [size, newSize] = exactly(matrix.shape, 2, "The shape of a matrix");
  const axisLast = x.transpose(order);
  const lines = axisLast.reshape([-1, size]).matMul(matrix);
  return lines.reshape([...axisLast.shape.slice(0, -1), newSize]).transpose(order);
});

registerGradient(ALONG_AXIS, { operands: ["matrix"] }, (dy, { matrix }, { axis }) => ({
  x: () => alongAxis(dy, axis, matrix.transpose()),
  matrix: () => {
    throw new Error("alongAxis has no gradient by its matrix.");
  },
}));

/** Returns `x`. In mixed precision, what follows is computed in float32. */
export function inSinglePrecision(x: tf.Tensor): tf.Tensor {
  return runKernel(IN_SINGLE_PRECISION, { x }, {});
}

registerComposed(IN_SINGLE_PRECISION, ({ x }) => x.clone());

registerGradient(IN_SINGLE_PRECISION, {}, (dy) => ({ x: () => dy }));

/** Returns `x` as a constant: its gradient is zero (PyTorch's `detach`). */
export function withoutGradient(x: tf.Tensor): tf.Tensor {
  return runKernel(WITHOUT_GRADIENT, { x }, {});
}

registerComposed(WITHOUT_GRADIENT, ({ x }) => x.clone());

registerGradient(WITHOUT_GRADIENT, {}, (dy) => ({ x: () => tf.zerosLike(dy) }));

/** Returns `x`. Its gradient is clipped to a norm of at most `norm`. */
export function clippedGradient(x: tf.Tensor, norm: number): tf.Tensor {
  return runKernel(CLIPPED_GRADIENT, { x }, { norm });
}

registerComposed(CLIPPED_GRADIENT, ({ x }) => x.clone());

registerGradient(CLIPPED_GRADIENT, {}, (dy, _, { norm }) => ({
  x: () => dy.mul(tf.scalar(norm).div(dy.square().sum().sqrt().add(1e-12)).minimum(1)),
}));
