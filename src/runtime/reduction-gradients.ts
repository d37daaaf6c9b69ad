/**
 * Gradients of sums and means. TensorFlow.js multiplies by an array of ones as large as the tensor, which a trace must fill and
 * compare value by value: half of the time to trace RCAN. Here the gradient is broadcast instead.
 */

import * as tf from "@tensorflow/tfjs-core";
import { exactly } from "../facts/checked-lists.ts";

/** Repeats the gradient of a reduction along the axes that were reduced. */
function spread(
  dy: tf.Tensor,
  shape: readonly number[],
  axis: number | readonly number[] | undefined,
): tf.Tensor {
  const axes = tf.util.parseAxisParam((axis ?? shape.map((_, each) => each)) as number | number[], [
    ...shape,
  ]);
  const kept = shape.map((size, each) => (axes.includes(each) ? 1 : size));
  return dy.reshape(kept).broadcastTo([...shape]);
}

interface Reduction {
  readonly axis?: number | readonly number[];
}

tf.registerGradient({
  kernelName: "Sum",
  inputsToSave: ["x"],
  gradFunc: (dy, saved, attributes) => {
    const [x] = exactly(saved, 1);
    return { x: () => spread(dy as tf.Tensor, x.shape, (attributes as Reduction).axis) };
  },
});

tf.registerGradient({
  kernelName: "Mean",
  inputsToSave: ["x"],
  gradFunc: (gradient, saved, attributes) => {
    const dy = gradient as tf.Tensor;
    const [x] = exactly(saved, 1);
    return { x: () => spread(dy.mul(dy.size / x.size), x.shape, (attributes as Reduction).axis) };
  },
});
