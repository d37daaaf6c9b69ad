/** Convolutions and pooling of the onnx runtime, against TensorFlow.js's own operations and gradients. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConvolutionWindow, convolution, transposedConvolution } from "../../src/runtime/convolution.ts";
import { depthwiseConvolution } from "../../src/runtime/depthwise.ts";
import { spatialAxes } from "../../src/runtime/image-shape.ts";
import { normalizeChannels } from "../../src/runtime/normalization.ts";
import { channelBlock, withBlockedConvolutions } from "../../src/runtime/onnx/blocked-convolutions.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { trace } from "../../src/runtime/onnx/tracing-backend.ts";
import { maxPool } from "../../src/runtime/pooling.ts";
import { tf } from "../../src/runtime/tensor.ts";
import { agree, type Layer } from "../support/layer-judge.ts";

const window = (axes: number, stride: number, padding: number, dilation = 1): ConvolutionWindow => ({
  stride: new Array(axes).fill(stride),
  padding: new Array(axes).fill(padding),
  dilation: new Array(axes).fill(dilation),
});

/** {@link convolution} without dilation, by TensorFlow.js. */
const tensorflowConvolution =
  ({ stride, padding }: ConvolutionWindow): Layer =>
  (x, weight) => {
    const border = padding.map((each): [number, number] => [each, each]);
    const image = x.pad([[0, 0], ...border, [0, 0]]);
    const filter = filterOf(weight);
    const [one = 1, two = 1, three] = stride;
    return three === undefined
      ? tf.conv2d(image as tf.Tensor4D, filter as tf.Tensor4D, [one, two], "valid")
      : tf.conv3d(image as tf.Tensor5D, filter as tf.Tensor5D, [one, two, three], "valid");
  };

/** Returns a weight as TensorFlow.js stores filters, `[…kernel, in, out]`. */
const filterOf = (weight: tf.Tensor) =>
  weight.transpose([...Array.from({ length: weight.rank - 2 }, (_, axis) => axis + 2), 1, 0]);

for (const [name, x, weight, settings] of [
  ["3 x 3, same size", [2, 6, 7, 3], [4, 3, 3, 3], window(2, 1, 1)],
  ["1 x 1", [2, 5, 4, 3], [2, 3, 1, 1], window(2, 1, 0)],
  ["strided", [1, 9, 8, 2], [3, 2, 3, 3], window(2, 2, 1)],
  ["1 x 1, strided", [2, 7, 8, 3], [2, 3, 1, 1], window(2, 2, 0)],
  ["1 x 1, strided, with a border", [2, 7, 8, 3], [2, 3, 1, 1], window(2, 2, 1)],
  ["strided in y only", [2, 9, 8, 2], [3, 2, 4, 1], { stride: [3, 1], padding: [1, 0], dilation: [1, 1] }],
  ["patches", [1, 8, 8, 2], [3, 2, 4, 4], window(2, 4, 0)],
  [
    "patches in 3D",
    [2, 4, 6, 8, 2],
    [3, 2, 2, 3, 2],
    { stride: [2, 3, 2], padding: [0, 0, 0], dilation: [1, 1, 1] },
  ],
  ["3 x 3 x 3", [2, 4, 5, 6, 2], [3, 2, 3, 3, 3], window(3, 1, 1)],
  [
    "flat in z",
    [1, 4, 5, 6, 2],
    [3, 2, 1, 3, 3],
    { stride: [1, 1, 1], padding: [0, 1, 1], dilation: [1, 1, 1] },
  ],
  ["3 x 3 x 3, by blocks of channels", [2, 9, 8, 10, 16], [32, 16, 3, 3, 3], window(3, 1, 1)],
  [
    "3 x 3 x 3, another size",
    [2, 7, 8, 9, 3],
    [4, 3, 3, 3, 3],
    { stride: [1, 1, 1], padding: [0, 2, 0], dilation: [1, 1, 1] },
  ],
  [
    "strided in y and x only, an odd size",
    [2, 4, 7, 8, 2],
    [3, 2, 3, 3, 3],
    { stride: [1, 2, 2], padding: [1, 1, 1], dilation: [1, 1, 1] },
  ],
  ["strided in 3D", [1, 4, 6, 6, 2], [2, 2, 3, 3, 3], window(3, 2, 1)],
  ["by blocks of channels", [2, 32, 29, 16], [32, 16, 3, 3], window(2, 1, 1)],
  ["by blocks, tiles of some lines", [1, 37, 11, 32], [16, 32, 3, 3], window(2, 1, 1)],
  ["by blocks to fewer channels", [2, 18, 15, 32], [16, 32, 3, 3], window(2, 1, 1)],
  ["by blocks, one image", [1, 9, 12, 32], [32, 32, 3, 3], window(2, 1, 1)],
  ["by blocks, more values in the weight than pixels", [3, 4, 5, 32], [48, 32, 3, 3], window(2, 1, 1)],
  ["by blocks, without a border", [2, 9, 8, 16], [32, 16, 3, 3], window(2, 1, 0)],
  ["by blocks, 5 x 1", [2, 9, 8, 32], [16, 32, 5, 1], { stride: [1, 1], padding: [2, 0], dilation: [1, 1] }],
  ["by blocks, more images than channels in a block", [17, 5, 6, 16], [16, 16, 3, 3], window(2, 1, 1)],
  ["by blocks, strided", [2, 18, 14, 16], [32, 16, 3, 3], window(2, 2, 1)],
  ["by blocks, strided, with pixels left over", [2, 17, 15, 16], [16, 16, 2, 2], window(2, 3, 0)],
] as const) {
  test(`convolution ${name}: result and gradients equal TensorFlow.js's`, () => {
    const layer: Layer = (input, kernel) => convolution(input, kernel, settings);
    return agree(layer, tensorflowConvolution(settings), x, weight);
  });
}

test("a large volume is convolved in parts along z and along the batch as with z and x exchanged", () => {
  const same = (padding: readonly number[]): ConvolutionWindow => ({ ...window(3, 1, 0), padding });
  const layer: Layer = (x, weight) => convolution(x, weight, same([1, 1, 0]));
  const exchanged: Layer = (x, weight) => {
    const flat = convolution(
      x.transpose([0, 3, 2, 1, 4]),
      weight.transpose([0, 1, 4, 3, 2]),
      same([0, 1, 1]),
    );
    return flat.transpose([0, 3, 2, 1, 4]);
  };
  return agree(layer, exchanged, [2, 5, 400, 450, 2], [2, 2, 3, 3, 1], 1e-3, new OnnxRuntime(1));
});

// The weight gradient sums 190,000 products that nearly cancel: 1e-4 is some 2.5e-7 of their spread.
test("the samples of a large batch are convolved together as each alone", () => {
  const alike = window(2, 1, 1);
  const together: Layer = (x, weight) => convolution(x, weight, alike);
  const alone: Layer = (x, weight) =>
    tf.concat(
      tf.split(x, 3).map((sample) => convolution(sample, weight, alike)),
      0,
    );
  return agree(together, alone, [3, 250, 253, 16], [16, 16, 3, 3], 1e-4, new OnnxRuntime(1));
});

/** What lies between two convolutions of an image `[batch, y, x, 16]` or a volume `[batch, z, y, x, 16]`. */
const BETWEEN: readonly (readonly [string, (y: tf.Tensor, x: tf.Tensor) => tf.Tensor])[] = [
  ["elementwise operators", (y, x) => y.tanh().mul(2).add(x)],
  ["a gate of each channel", (y) => y.mul(y.mean(spatialAxes(y), true).tanh().add(1))],
  ["a value added to each channel", (y) => y.tanh().add(y.tanh().mean([0, ...spatialAxes(y)]))],
  [
    "a normalization",
    (y) => normalizeChannels(y, tf.ones([16]), tf.zeros([16]), spatialAxes(y), 1e-5).normalized,
  ],
  ["joined images", (y, x) => tf.concat([y.tanh(), x], y.rank - 1)],
];

for (const [name, between] of BETWEEN)
  for (const shape of [
    [2, 32, 30, 16],
    [1, 9, 10, 8, 16],
  ]) {
    const axes = shape.length - 2;
    const kernel = [16, 16, ...new Array<number>(axes).fill(3)];
    const twice = (convolve: Layer): Layer => {
      return (x, weight) => {
        const y = between(convolve(x, weight), x);
        const channels = y.shape.at(-1) ?? 1;
        return convolve(y, tf.concat(new Array<tf.Tensor>(channels / 16).fill(weight), 1));
      };
    };
    const layer = twice((x, weight) => convolution(x, weight, window(axes, 1, 1)));

    test(`${name} between convolutions by blocks of channels in ${axes}D: result and gradients equal TensorFlow.js's`, () => {
      const judge = twice(tensorflowConvolution(window(axes, 1, 1)));
      return agree(layer, judge, shape, kernel);
    });

    test(`${name} between convolutions in ${axes}D: the image stays in blocks`, () => {
      const inputs = { x: { shape, type: "float32" }, weight: { shape: kernel, type: "float32" } } as const;
      const graph = trace(inputs, ({ x, weight }) => ({ y: layer(x, weight) }));
      const { nodes } = withBlockedConvolutions(graph, channelBlock());
      const count = (operator: string) => nodes.filter((node) => node.operator === operator).length;
      const expected = channelBlock() === 0 ? 0 : 1;
      assert.deepEqual([count("ReorderInput"), count("ReorderOutput")], [expected, expected]);
    });
  }

test("patches of an image that is not stored channels-last: result and gradients equal TensorFlow.js's", () => {
  const turned = (x: tf.Tensor) => x.transpose([0, 2, 1, 3]);
  const judge = tensorflowConvolution(window(2, 4, 0));
  const layer: Layer = (x, weight) => convolution(turned(x), weight, window(2, 4, 0));
  return agree(layer, (x, weight) => judge(turned(x), weight), [1, 8, 12, 2], [3, 2, 4, 4]);
});

test("an image that is taken slab by slab gives the same gradient", () => {
  const layer: Layer = (x, weight) => convolution(x, weight, window(2, 1, 1));
  // Sums over 44 000 pixels, which round more.
  return agree(layer, tensorflowConvolution(window(2, 1, 1)), [1, 210, 210, 1], [64, 1, 3, 3], 1e-4);
});

test("a dilated convolution equals one whose kernel has zeros in between", () => {
  const spread: Layer = (x, weight) => {
    const [outputs, inputs] = weight.shape;
    const gaps = weight.reshape([outputs, inputs, 3, 1, 3, 1]).pad([
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 1],
      [0, 0],
      [0, 1],
    ]);
    const kernel = gaps.reshape([outputs, inputs, 6, 6]).slice([0, 0, 0, 0], [-1, -1, 5, 5]);
    return tensorflowConvolution(window(2, 1, 2))(x, kernel);
  };
  const dilated: Layer = (x, weight) => convolution(x, weight, window(2, 1, 2, 2));
  return agree(dilated, spread, [1, 8, 7, 2], [3, 2, 3, 3]);
});

/** {@link transposedConvolution} in 2D, by TensorFlow.js. It has no gradient in 3D, where the engine's composed kernels are the judge. */
const tensorflowTransposed =
  ({ stride, padding }: ConvolutionWindow, size: readonly number[]): Layer =>
  (x, weight) => {
    const [batch = 1] = x.shape;
    const [, outputs = 1] = weight.shape;
    const [height = 1, width = 1] = size.map((each, axis) => each + 2 * padding[axis]);
    const shape: [number, number, number, number] = [batch, height, width, outputs];
    const [one = 1, two = 1] = stride;
    const whole = tf.conv2dTranspose(
      x as tf.Tensor4D,
      filterOf(weight) as tf.Tensor4D,
      shape,
      [one, two],
      "valid",
    );
    return whole.slice([0, ...padding, 0], [-1, ...size, -1]);
  };

for (const [name, x, weight, settings, size] of [
  ["2 x 2", [2, 3, 4, 3], [3, 2, 2, 2], window(2, 2, 0), [6, 8]],
  ["2 x 2 x 2", [1, 2, 3, 4, 3], [3, 2, 2, 2, 2], window(3, 2, 0), [4, 6, 8]],
  ["with overlap", [1, 4, 4, 2], [2, 3, 3, 3], window(2, 2, 1), [8, 8]],
] as const) {
  test(`transposed convolution ${name}: result and gradients equal TensorFlow.js's`, () => {
    const layer: Layer = (input, kernel) => transposedConvolution(input, kernel, settings, size);
    return agree(layer, size.length === 3 ? layer : tensorflowTransposed(settings, size), x, weight);
  });
}

/** {@link depthwiseConvolution} as a convolution whose kernel is zero between different channels. */
const diagonalConvolution: Layer = (x, weight) => {
  const [channels, , ...kernel] = weight.shape;
  const diagonal = tf.eye(channels).reshape([channels, channels, ...kernel.map(() => 1)]);
  const padding = kernel.map((size) => (size - 1) / 2);
  const settings = { ...window(kernel.length, 1, 0), padding };
  return tensorflowConvolution(settings)(x, weight.mul(diagonal));
};

for (const [name, x, weight] of [
  ["7 x 7", [2, 9, 8, 3], [3, 1, 7, 7]],
  ["7 x 7 x 7", [1, 5, 8, 9, 2], [2, 1, 7, 7, 7]],
  ["flat in z", [2, 3, 8, 8, 2], [2, 1, 1, 7, 7]],
  ["by blocks of channels", [2, 12, 10, 16], [16, 1, 7, 7]],
  ["by several blocks in 3D", [1, 4, 8, 9, 32], [32, 1, 3, 5, 5]],
  ["of several volumes of fewer slices than the kernel", [2, 2, 8, 8, 16], [16, 1, 7, 5, 5]],
] as const) {
  test(`depthwise convolution ${name}: result and gradients equal TensorFlow.js's`, () =>
    agree(depthwiseConvolution, diagonalConvolution, x, weight));
}

function tensorflowPooling(x: tf.Tensor, [one = 1, two = 1, three]: readonly number[]): tf.Tensor {
  if (three === undefined) return tf.maxPool(x as tf.Tensor4D, [one, two], [one, two], "valid");
  return tf.maxPool3d(x as tf.Tensor5D, [one, two, three], [one, two, three], "valid");
}

for (const [name, x, pooling] of [
  ["2D", [2, 5, 6, 3], [2, 2]],
  ["3D, flat in z", [1, 3, 4, 6, 2], [1, 2, 2]],
  ["3D", [1, 4, 4, 5, 2], [2, 2, 2]],
] as const) {
  test(`pooling in ${name}: result and gradients equal TensorFlow.js's`, () => {
    const used: Layer = (input, weight) => maxPool(input, pooling).mul(weight);
    const judge: Layer = (input, weight) => tensorflowPooling(input, pooling).mul(weight);
    return agree(used, judge, x, [1]);
  });
}

for (const slope of [0.01, 1.5, -0.5])
  test(`leaky ReLU of slope ${slope}: result and gradient equal TensorFlow.js's`, () => {
    const layer: Layer = (x, weight) => x.leakyRelu(slope).mul(weight);
    return agree(layer, layer, [2, 5, 3], [1]);
  });
