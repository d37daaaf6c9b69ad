/**
 * Depthwise convolution (Chollet 2017): each channel has its own kernel. The image keeps its size: kernels are odd, stride and
 * dilation are 1, and zeros pad the border. In 2D and 3D.
 */
import { at } from "../facts/checked-lists.ts";
import { channelsOf } from "./image-shape.ts";
import {
  isBoolean,
  isNumbers,
  type Kernel,
  registerComposed,
  registerGradient,
  runKernel,
} from "./kernel.ts";
import { tf } from "./tensor.ts";

export interface DepthwiseAttributes {
  /** Whether the kernel is flipped along all axes of space, as the gradient by the input needs it. */
  readonly flipped: boolean;
}

export interface DepthwiseWeightAttributes {
  /** Size of the kernel. */
  readonly size: readonly number[];
}

export const DEPTHWISE: Kernel<"x" | "weight", DepthwiseAttributes> = {
  name: "Depthwise",
  operands: ["x", "weight"],
  attributes: { flipped: isBoolean },
};
export const DEPTHWISE_WEIGHT: Kernel<"x" | "dy", DepthwiseWeightAttributes> = {
  name: "DepthwiseWeight",
  operands: ["x", "dy"],
  attributes: { size: isNumbers },
};

/**
 * @param x `[batch, …space, channel]`
 * @param weight `[channel, 1, …kernel]`, as in PyTorch
 * @returns the shape of `x`
 */
export function depthwiseConvolution(x: tf.Tensor, weight: tf.Tensor): tf.Tensor {
  return runKernel(DEPTHWISE, { x, weight }, { flipped: false });
}

registerGradient(DEPTHWISE, { operands: ["x", "weight"] }, (dy, { x, weight }) => ({
  x: () => runKernel(DEPTHWISE, { x: dy, weight }, { flipped: true }),
  weight: () => runKernel(DEPTHWISE_WEIGHT, { x, dy }, { size: weight.shape.slice(2) }),
}));

// ---- composed of TensorFlow.js ops, for backends without kernels of their own --------------------------------------

/** Returns the index of every value of a kernel, the last axis fastest. */
export function kernelIndices(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (known, size) => known.flatMap((index) => Array.from({ length: size }, (_, each) => [...index, each])),
    [[]],
  );
}

/** Returns the image shifted for each value of the kernel. */
function shifted(x: tf.Tensor, kernel: readonly number[]): tf.Tensor[] {
  const padding = kernel.map((size): [number, number] => [(size - 1) / 2, (size - 1) / 2]);
  const padded = x.pad([[0, 0], ...padding, [0, 0]]);
  return kernelIndices(kernel).map((index) => padded.slice([0, ...index, 0], x.shape));
}

registerComposed(DEPTHWISE, ({ x, weight }, { flipped }) => {
  const columns = weight
    .reshape([channelsOf(x), -1])
    .transpose()
    .unstack();
  const factors = flipped ? columns.reverse() : columns;
  return shifted(x, weight.shape.slice(2))
    .map((each, index) => each.mul(at(factors, index)))
    .reduce((sum, each) => sum.add(each));
});

registerComposed(DEPTHWISE_WEIGHT, ({ x, dy }, { size }) => {
  const leading = x.shape.slice(0, -1).map((_, axis) => axis);
  const sums = shifted(x, size).map((each) => each.mul(dy).sum(leading));
  return tf.stack(sums, 1).reshape([channelsOf(x), 1, ...size]);
});
