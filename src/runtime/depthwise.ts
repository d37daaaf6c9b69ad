/**
 * Depthwise convolution (Chollet 2017): each channel has a kernel of its own. As TensorFlow.js kernels in 2D and 3D alike, that keep
 * the size of the image: kernels are odd, stride and dilation are 1, zeros lie beyond the border.
 */
import { channelsOf } from "./image-shape.ts";
import { registerComposed } from "./operators.ts";
import { tf } from "./tensor.ts";

/** Whether the kernel is turned round along all axes of space, as the gradient by the input has it. */
export interface DepthwiseAttributes {
  readonly turned: boolean;
}

/** The size of the kernel whose gradient is asked for. */
export interface DepthwiseWeightAttributes {
  readonly size: readonly number[];
}

const apply = (x: tf.Tensor, weight: tf.Tensor, turned: boolean): tf.Tensor =>
  tf.engine().runKernel("Depthwise", { x, weight }, { turned });

/**
 * @param x `[batch, …space, channel]`
 * @param weight `[channel, 1, …kernel]`, as in PyTorch
 * @returns the shape of `x`
 */
export const depthwiseConvolution = (x: tf.Tensor, weight: tf.Tensor): tf.Tensor => apply(x, weight, false);

tf.registerGradient({
  kernelName: "Depthwise",
  inputsToSave: ["x", "weight"],
  gradFunc: (gradient, [x, weight]) => {
    const dy = gradient as tf.Tensor;
    return {
      x: () => apply(dy, weight, true),
      weight: () => tf.engine().runKernel("DepthwiseWeight", { x, dy }, { size: weight.shape.slice(2) }),
    };
  },
});

// ---- composed of TensorFlow.js's ops, for backends without kernels of their own ---------------------------------------

/** Every place in a kernel, the last axis fastest. */
function placesOf(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (known, size) => known.flatMap((place) => Array.from({ length: size }, (_, at) => [...place, at])),
    [[]],
  );
}

/** The image as each place in the kernel sees it. */
function shifted(x: tf.Tensor, kernel: readonly number[]): tf.Tensor[] {
  const wide = x.pad([
    [0, 0],
    ...kernel.map((size): [number, number] => [(size - 1) / 2, (size - 1) / 2]),
    [0, 0],
  ]);
  return placesOf(kernel).map((place) => wide.slice([0, ...place, 0], x.shape));
}

registerComposed("Depthwise", ({ inputs, attrs }) => {
  const { x, weight } = inputs as Record<string, tf.Tensor>;
  const { turned } = attrs as unknown as DepthwiseAttributes;
  return tf.tidy(() => {
    const columns = weight
      .reshape([channelsOf(x), -1])
      .transpose()
      .unstack();
    const factors = turned ? columns.reverse() : columns;
    return shifted(x, weight.shape.slice(2))
      .map((each, place) => each.mul(factors[place]))
      .reduce((sum, each) => sum.add(each));
  });
});

registerComposed("DepthwiseWeight", ({ inputs, attrs }) => {
  const { x, dy } = inputs as Record<string, tf.Tensor>;
  const { size } = attrs as unknown as DepthwiseWeightAttributes;
  return tf.tidy(() => {
    const others = x.shape.slice(0, -1).map((_, axis) => axis);
    const places = shifted(x, size).map((each) => each.mul(dy).sum(others));
    return tf.stack(places, 1).reshape([channelsOf(x), 1, ...size]);
  });
});
