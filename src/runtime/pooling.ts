/** Max pooling over windows that do not overlap, with PyTorch's gradient: it goes to the first maximum of each window. */
import { exactly, product, zip } from "../facts/checked-lists.ts";
import { batchOf, channelsOf, spaceOf } from "./image-shape.ts";
import {
  isNumbers,
  type Kernel,
  registerComposed,
  registerGradient,
  runKernel,
  runKernelForAll,
} from "./kernel.ts";
import { tf } from "./tensor.ts";

interface PoolingAttributes {
  readonly window: readonly number[];
}

interface UnpoolingAttributes extends PoolingAttributes {
  /** Space of the result. */
  readonly size: readonly number[];
}

export const MAX_POOLING: Kernel<"x", PoolingAttributes> = {
  name: "MaxPooling",
  operands: ["x"],
  attributes: { window: isNumbers },
};
export const MAX_UNPOOLING: Kernel<"dy" | "indices", UnpoolingAttributes> = {
  name: "MaxUnpooling",
  operands: ["dy", "indices"],
  attributes: { window: isNumbers, size: isNumbers },
};

/**
 * Returns the maximum of each window. Pixels beyond the last whole window are dropped.
 *
 * @param x `[batch, …space, channel]`
 * @param window size along each axis of space
 * @returns `[batch, …space / window, channel]`
 */
export function maxPool(x: tf.Tensor, window: readonly number[]): tf.Tensor {
  const [largest] = exactly(runKernelForAll(MAX_POOLING, { x }, { window }), 2);
  return largest;
}

registerGradient(
  MAX_POOLING,
  { operands: ["x"], results: ["", "indices"] },
  (dy, { x, indices }, { window }) => ({
    x: () => runKernel(MAX_UNPOOLING, { dy, indices }, { window, size: spaceOf(x) }),
  }),
);

/** Returns the windows of an image, `[batch, …space / window, pixel of the window, channel]`. */
function windows(x: tf.Tensor, window: readonly number[]): tf.Tensor {
  const counts = zip(spaceOf(x), window).map(([size, each]) => Math.floor(size / each));
  const whole = zip(counts, window).map(([count, each]) => count * each);
  const cut = x.slice(
    x.shape.map(() => 0),
    [-1, ...whole, -1],
  );
  const split = cut.reshape([batchOf(x), ...zip(counts, window).flat(), channelsOf(x)]);
  const axes = window.map((_, axis) => axis);
  const order = [0, ...axes.map((axis) => 1 + 2 * axis), ...axes.map((axis) => 2 + 2 * axis), split.rank - 1];
  return split.transpose(order).reshape([batchOf(x), ...counts, product(window), channelsOf(x)]);
}

registerComposed(MAX_POOLING, ({ x }, { window }) => {
  const split = windows(x, window);
  return [split.max(split.rank - 2), split.argMax(split.rank - 2)];
});

registerComposed(MAX_UNPOOLING, ({ dy, indices }, { window, size }) => {
  const pixels = product(window);
  const [batch, counts, channels] = [batchOf(dy), spaceOf(dy), channelsOf(dy)];
  const isMaximum = tf.range(0, pixels, 1, "int32").reshape([pixels, 1]).equal(indices.expandDims(-2));
  const spread = dy.expandDims(-2).mul(isMaximum.cast("float32"));
  const split = spread.reshape([batch, ...counts, ...window, channels]);
  const axes = window.map((_, axis) => axis);
  const order = [0, ...axes.flatMap((axis) => [1 + axis, 1 + window.length + axis]), split.rank - 1];
  const whole = zip(counts, window).map(([count, each]) => count * each);
  const joined = split.transpose(order).reshape([batch, ...whole, channels]);
  const rest = zip(size, whole).map(([each, covered]): [number, number] => [0, each - covered]);
  return joined.pad([[0, 0], ...rest, [0, 0]]);
});
