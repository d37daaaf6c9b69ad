/**
 * Gradients of sums, means and squares. TensorFlow.js multiplies by an array of ones as large as the tensor, which a trace must fill and
 * compare value by value: half of the time to trace RCAN. Here the gradient is broadcast instead.
 */

import * as tf from "@tensorflow/tfjs-core";
import { exactly } from "../facts/checked-lists.ts";

/** Returns the reduced axes of a tensor of this shape. Without an axis, TensorFlow.js reduces all. */
function reducedAxes(axis: unknown, shape: readonly number[]): number[] {
  if (axis === null || axis === undefined) return shape.map((_, each) => each);
  return tf.util.parseAxisParam([axis].flat().map(Number), [...shape]);
}

/** @param gradientOf returns the gradient of one reduced value, from that of the result and the number of values reduced to it */
function registerReduction(
  kernelName: string,
  gradientOf: (dy: tf.Tensor, count: number) => tf.Tensor,
): void {
  tf.registerGradient({
    kernelName,
    inputsToSave: ["x"],
    gradFunc: (gradients, saved, given) => {
      const [x] = exactly(saved, 1);
      const [dy] = exactly([gradients].flat(), 1);
      const axes = reducedAxes(given.axis, x.shape);
      const kept = x.shape.map((size, each) => (axes.includes(each) ? 1 : size));
      return {
        x: () =>
          gradientOf(dy, x.size / dy.size)
            .reshape(kept)
            .broadcastTo([...x.shape]),
      };
    },
  });
}

registerReduction("Sum", (dy) => dy);
registerReduction("Mean", (dy, count) => dy.mul(1 / count));

// TensorFlow.js doubles x, which is often larger than the gradient of what follows is stored.
tf.registerGradient({
  kernelName: "Square",
  inputsToSave: ["x"],
  gradFunc: (gradients, saved) => {
    const [x] = exactly(saved, 1);
    const [dy] = exactly([gradients].flat(), 1);
    return { x: () => dy.mul(2).mul(x) };
  },
});
