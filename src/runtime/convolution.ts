/**
 * PyTorch's convolution with any number of axes, stride, padding and dilation, as TensorFlow.js kernels. TensorFlow.js's own kernels
 * store weights differently and have no gradient where they are dilated. The three kernels are each other's gradients.
 */
import { at, zip } from "../facts/checked-lists.ts";
import { batchOf, channelsOf, spaceOf } from "./image-shape.ts";
import { isNumbers, type Kernel, registerComposed, registerGradient, runKernel } from "./kernel.ts";
import { tf } from "./tensor.ts";

/** One number for each axis of space. */
export interface ConvolutionWindow {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

export interface ConvolutionAttributes extends ConvolutionWindow {
  /** Size of the input (for the gradient by it), or of the kernel (for the weight's gradient). */
  readonly size: readonly number[];
}

const WINDOW = { stride: isNumbers, padding: isNumbers, dilation: isNumbers };

export const CONVOLUTION: Kernel<"x" | "weight", ConvolutionWindow> = {
  name: "Convolution",
  operands: ["x", "weight"],
  attributes: WINDOW,
};
export const CONVOLUTION_INPUT: Kernel<"dy" | "weight", ConvolutionAttributes> = {
  name: "ConvolutionInput",
  operands: ["dy", "weight"],
  attributes: { ...WINDOW, size: isNumbers },
};
export const CONVOLUTION_WEIGHT: Kernel<"x" | "dy", ConvolutionAttributes> = {
  name: "ConvolutionWeight",
  operands: ["x", "dy"],
  attributes: { ...WINDOW, size: isNumbers },
};

/**
 * @param x `[batch, …space, in]`
 * @param weight `[out, in, …kernel]`
 * @returns `[batch, …space, out]`
 */
export function convolution(x: tf.Tensor, weight: tf.Tensor, window: ConvolutionWindow): tf.Tensor {
  return runKernel(CONVOLUTION, { x, weight }, window);
}

/**
 * Transposed convolution: the gradient of {@link convolution} by its input.
 *
 * @param x `[batch, …space, in]`
 * @param weight `[in, out, …kernel]`
 * @param size space of the result
 * @returns `[batch, …size, out]`
 */
export function transposedConvolution(
  x: tf.Tensor,
  weight: tf.Tensor,
  window: ConvolutionWindow,
  size: readonly number[],
): tf.Tensor {
  return runKernel(CONVOLUTION_INPUT, { dy: x, weight }, { ...window, size });
}

const weightGradient = (x: tf.Tensor, dy: tf.Tensor, window: ConvolutionWindow, weight: tf.Tensor) =>
  runKernel(CONVOLUTION_WEIGHT, { x, dy }, { ...window, size: weight.shape.slice(2) });

registerGradient(CONVOLUTION, { operands: ["x", "weight"] }, (dy, { x, weight }, window) => ({
  x: () => transposedConvolution(dy, weight, window, spaceOf(x)),
  weight: () => weightGradient(x, dy, window, weight),
}));

registerGradient(
  CONVOLUTION_INPUT,
  { operands: ["dy", "weight"] },
  (gradient, { dy, weight }, { stride, padding, dilation }) => {
    const window = { stride, padding, dilation };
    return {
      dy: () => convolution(gradient, weight, window),
      weight: () => weightGradient(gradient, dy, window, weight),
    };
  },
);

// ---- composed of TensorFlow.js ops, for backends without kernels of their own --------------------------------------

/** Returns a weight as TensorFlow.js stores filters, `[…kernel, in, out]`. */
const filterOf = (weight: tf.Tensor) =>
  weight.transpose([...Array.from({ length: weight.rank - 2 }, (_, axis) => axis + 2), 1, 0]);

const padded = (x: tf.Tensor, padding: readonly number[]) =>
  x.pad([[0, 0], ...padding.map((each): [number, number] => [each, each]), [0, 0]]);

const runTensorflow = (kernel: string, operands: tf.NamedTensorMap, attributes: tf.NamedAttrMap) =>
  tf.engine().runKernel<tf.Tensor>(kernel, operands, attributes);

registerComposed(CONVOLUTION, ({ x, weight }, { stride, padding, dilation }) => {
  const [kernel, dataFormat] = stride.length === 3 ? ["Conv3D", "NDHWC"] : ["Conv2D", "NHWC"];
  const operands = { x: padded(x, padding), filter: filterOf(weight) };
  return runTensorflow(kernel, operands, {
    strides: [...stride],
    pad: "valid",
    dataFormat,
    dilations: [...dilation],
  });
});

/**
 * Runs TensorFlow.js's own gradient kernel, without padding.
 *
 * @param by what the gradient is taken by: the input or the filter
 * @param shape of the input or the filter
 */
function tensorflowGradient(
  by: "Input" | "Filter",
  operands: tf.NamedTensorMap,
  { stride, dilation }: ConvolutionWindow,
  shape: readonly number[],
): tf.Tensor {
  if (dilation.some((each) => each !== 1))
    throw new Error("Dilated convolutions train on the onnx runtime only.");
  const attributes = {
    strides: [...stride],
    pad: "valid",
    [by === "Input" ? "inputShape" : "filterShape"]: [...shape],
  };
  return stride.length === 3
    ? runTensorflow(`Conv3DBackprop${by}V2`, operands, attributes)
    : runTensorflow(`Conv2DBackprop${by}`, operands, { ...attributes, dataFormat: "NHWC" });
}

registerComposed(CONVOLUTION_INPUT, ({ dy, weight }, attributes) => {
  const { padding, size } = attributes;
  const paddedSize = zip(size, padding).map(([each, pad]) => each + 2 * pad);
  const shape = [batchOf(dy), ...paddedSize, at(weight.shape, 1)];
  const whole = tensorflowGradient("Input", { dy, filter: filterOf(weight) }, attributes, shape);
  return whole.slice([0, ...padding, 0], [-1, ...size, -1]);
});

registerComposed(CONVOLUTION_WEIGHT, ({ x, dy }, attributes) => {
  const { padding, size } = attributes;
  const shape = [...size, channelsOf(x), channelsOf(dy)];
  const filter = tensorflowGradient("Filter", { x: padded(x, padding), dy }, attributes, shape);
  return filter.transpose([filter.rank - 1, filter.rank - 2, ...size.map((_, axis) => axis)]);
});
