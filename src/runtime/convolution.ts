/**
 * Convolution as PyTorch has it (any number of axes, stride, padding, dilation), as TensorFlow.js kernels: TensorFlow.js's own
 * are written for its layout of weights and have no gradient for dilated ones. The three kernels are each other's gradients.
 */
import { channelsOf, spaceOf } from "./image-shape.ts";
import { registerComposed } from "./operators.ts";
import { tf } from "./tensor.ts";

/** Along each axis of space. */
export interface ConvolutionWindow {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

export interface ConvolutionAttributes extends ConvolutionWindow {
  /** Of the input (for its gradient) or of the kernel (for the weight's). */
  readonly size: readonly number[];
}

function run(kernel: string, inputs: tf.NamedTensorMap, attributes: object): tf.Tensor {
  return tf.engine().runKernel(kernel, inputs, attributes as tf.NamedAttrMap);
}

/**
 * @param x `[batch, …space, in]`
 * @param weight `[out, in, …kernel]`
 * @returns `[batch, …space, out]`
 */
export function convolution(x: tf.Tensor, weight: tf.Tensor, window: ConvolutionWindow): tf.Tensor {
  return run("Convolution", { x, weight }, window);
}

/**
 * The transposed convolution: what `convolution` takes its input's gradient by.
 *
 * @param x `[batch, …space, in]`
 * @param weight `[in, out, …kernel]`
 * @param size space of the result
 */
export function transposedConvolution(
  x: tf.Tensor,
  weight: tf.Tensor,
  window: ConvolutionWindow,
  size: readonly number[],
): tf.Tensor {
  return run("ConvolutionInput", { dy: x, weight }, { ...window, size });
}

const weightGradient = (x: tf.Tensor, dy: tf.Tensor, window: ConvolutionWindow, weight: tf.Tensor) =>
  run("ConvolutionWeight", { x, dy }, { ...window, size: weight.shape.slice(2) });

tf.registerGradient({
  kernelName: "Convolution",
  inputsToSave: ["x", "weight"],
  gradFunc: (gradient, [x, weight], attributes) => {
    const dy = gradient as tf.Tensor;
    const window = attributes as unknown as ConvolutionWindow;
    return {
      x: () => transposedConvolution(dy, weight, window, spaceOf(x)),
      weight: () => weightGradient(x, dy, window, weight),
    };
  },
});

tf.registerGradient({
  kernelName: "ConvolutionInput",
  inputsToSave: ["dy", "weight"],
  gradFunc: (gradient, [x, weight], attributes) => {
    const dy = gradient as tf.Tensor;
    const { stride, padding, dilation } = attributes as unknown as ConvolutionAttributes;
    const window = { stride, padding, dilation };
    return {
      dy: () => convolution(dy, weight, window),
      weight: () => weightGradient(dy, x, window, weight),
    };
  },
});

// ---- composed of TensorFlow.js's ops, for backends without kernels of their own ---------------------------------------

/** Kernel axes first, as TensorFlow.js has its filters: `[…kernel, in, out]`. */
const filterOf = (weight: tf.Tensor) =>
  weight.transpose([...Array.from({ length: weight.rank - 2 }, (_, axis) => axis + 2), 1, 0]);

const padded = (x: tf.Tensor, padding: readonly number[]) =>
  x.pad([[0, 0], ...padding.map((each): [number, number] => [each, each]), [0, 0]]);

registerComposed("Convolution", ({ inputs, attrs }) => {
  const { x, weight } = inputs as Record<string, tf.Tensor>;
  const { stride, padding, dilation } = attrs as unknown as ConvolutionWindow;
  return tf.tidy(() => {
    const [wide, filter] = [padded(x, padding), filterOf(weight)];
    if (stride.length === 3) {
      return tf.conv3d(
        wide as tf.Tensor5D,
        filter as tf.Tensor5D,
        stride as [number, number, number],
        "valid",
        "NDHWC",
        dilation as [number, number, number],
      );
    }
    const [strides, dilations] = [stride as [number, number], dilation as [number, number]];
    return tf.conv2d(wide as tf.Tensor4D, filter as tf.Tensor4D, strides, "valid", "NHWC", dilations);
  });
});

/** TensorFlow.js's own kernel of a gradient without padding, by an input or a filter of this shape. */
function ownGradient(
  by: "Input" | "Filter",
  inputs: tf.NamedTensorMap,
  { stride, dilation }: ConvolutionWindow,
  shape: readonly number[],
): tf.Tensor {
  if (dilation.some((each) => each !== 1))
    throw new Error("Dilated convolutions train on the onnx runtime only.");
  const attributes = {
    strides: stride,
    pad: "valid",
    [by === "Input" ? "inputShape" : "filterShape"]: shape,
  };
  return stride.length === 3
    ? run(`Conv3DBackprop${by}V2`, inputs, attributes)
    : run(`Conv2DBackprop${by}`, inputs, { ...attributes, dataFormat: "NHWC" });
}

registerComposed("ConvolutionInput", ({ inputs, attrs }) => {
  const { dy, weight } = inputs as Record<string, tf.Tensor>;
  const attributes = attrs as unknown as ConvolutionAttributes;
  const { padding, size } = attributes;
  return tf.tidy(() => {
    const wide = [dy.shape[0], ...size.map((each, axis) => each + 2 * padding[axis]), weight.shape[1] ?? 0];
    const whole = ownGradient("Input", { dy, filter: filterOf(weight) }, attributes, wide);
    return whole.slice([0, ...padding, 0], [-1, ...size, -1]);
  });
});

registerComposed("ConvolutionWeight", ({ inputs, attrs }) => {
  const { x, dy } = inputs as Record<string, tf.Tensor>;
  const attributes = attrs as unknown as ConvolutionAttributes;
  const { padding, size } = attributes;
  return tf.tidy(() => {
    const shape = [...size, channelsOf(x), channelsOf(dy)];
    const filter = ownGradient("Filter", { x: padded(x, padding), dy }, attributes, shape);
    return filter.transpose([filter.rank - 1, filter.rank - 2, ...size.map((_, axis) => axis)]);
  });
});
