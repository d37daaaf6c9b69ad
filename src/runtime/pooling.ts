/** Pooling over windows that do not overlap, as TensorFlow.js kernels with PyTorch's gradient: to the first largest value. */
import { channelsOf, spaceOf } from "./image-shape.ts";
import { registerComposed } from "./operators.ts";
import { tf } from "./tensor.ts";

/**
 * The largest value of each window; what is left over at the far side is dropped.
 *
 * @param x `[batch, …space, channel]`
 * @param window along each axis of space
 */
export function maxPool(x: tf.Tensor, window: readonly number[]): tf.Tensor {
  const [largest] = tf
    .engine()
    .runKernel("MaxPooling", { x }, { window: [...window] }) as unknown as tf.Tensor[];
  return largest;
}

tf.registerGradient({
  kernelName: "MaxPooling",
  inputsToSave: ["x"],
  outputsToSave: [false, true],
  gradFunc: (dys, [x, places], attributes) => {
    const [dy] = dys as tf.Tensor[];
    const size = spaceOf(x);
    return {
      x: () => tf.engine().runKernel("MaxUnpooling", { dy, places }, { ...attributes, size }),
    };
  },
});

/** Windows side by side: `[batch, …space / window, pixel of the window, channel]`. */
function windows(x: tf.Tensor, window: readonly number[]): tf.Tensor {
  const counts = window.map((size, axis) => Math.floor(x.shape[axis + 1] / size));
  const cut = x.slice(
    x.shape.map(() => 0),
    [-1, ...counts.map((count, axis) => count * window[axis]), -1],
  );
  const split = cut.reshape([
    x.shape[0],
    ...counts.flatMap((count, axis) => [count, window[axis]]),
    channelsOf(x),
  ]);
  const axes = window.map((_, axis) => axis);
  const order = [0, ...axes.map((axis) => 1 + 2 * axis), ...axes.map((axis) => 2 + 2 * axis), split.rank - 1];
  const pixels = window.reduce((product, size) => product * size, 1);
  return split.transpose(order).reshape([x.shape[0], ...counts, pixels, channelsOf(x)]);
}

registerComposed("MaxPooling", ({ inputs, attrs }) => {
  const { x } = inputs as Record<string, tf.Tensor>;
  const { window } = attrs as unknown as { window: number[] };
  return tf.tidy(() => {
    const split = windows(x, window);
    return [split.max(split.rank - 2), split.argMax(split.rank - 2)];
  }) as unknown as tf.TensorInfo[];
});

registerComposed("MaxUnpooling", ({ inputs, attrs }) => {
  const { dy, places } = inputs as Record<string, tf.Tensor>;
  const { window, size } = attrs as unknown as { window: number[]; size: number[] };
  return tf.tidy(() => {
    const pixels = window.reduce((product, each) => product * each, 1);
    const [counts, channels] = [spaceOf(dy), channelsOf(dy)];
    const hit = tf.range(0, pixels, 1, "int32").reshape([pixels, 1]).equal(places.expandDims(-2));
    const spread = dy.expandDims(-2).mul(hit.cast("float32"));
    const axes = window.map((_, axis) => axis);
    const split = spread.reshape([dy.shape[0], ...counts, ...window, channels]);
    const order = [0, ...axes.flatMap((axis) => [1 + axis, 1 + window.length + axis]), split.rank - 1];
    const joined = split
      .transpose(order)
      .reshape([dy.shape[0], ...counts.map((count, axis) => count * window[axis]), channels]);
    const rest = size.map((each, axis): [number, number] => [0, each - counts[axis] * window[axis]]);
    return joined.pad([[0, 0], ...rest, [0, 0]]);
  });
});
