/** How convolutions and their gradients are written in ONNX, which has them channels-first. */
import type { ConvolutionAttributes, ConvolutionWindow } from "../convolution.ts";
import { channelsOf, spaceOf } from "../image-shape.ts";
import { maxPoolingByWindows, maxUnpoolingByWindows, weightGradientByLines } from "./gpu-lowerings.ts";
import type { GraphBuilder, Value } from "./graph.ts";
import { channelsLast, extended, image } from "./image-layout.ts";
import { plain, sizeOf, type Traced } from "./layout.ts";
import { weightGradient } from "./weight-gradient-lowerings.ts";

const both = (values: readonly number[]) => [...values, ...values];

export function convolutionLowering(
  graph: GraphBuilder,
  { x, weight }: { x: Traced; weight: Traced },
  { stride, padding, dilation }: ConvolutionWindow,
): Traced {
  const kernel = weight.shape.slice(2);
  const size = spaceOf(x).map((each, axis) =>
    Math.floor((each + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis] + 1),
  );
  const value = graph.add("Conv", [image(graph, x), plain(graph, weight)], {
    attributes: { strides: [...stride], pads: both(padding), dilations: [...dilation], kernel_shape: kernel },
    weightShape: inBlocks(weight.shape, x.shape[0] * sizeOf(size)),
  });
  return channelsLast(value, x.shape[0], size, weight.shape[0], x.type);
}

/** Channels come in blocks of 16 or 8. */
const BLOCK = 16;
/** Putting a value of the weight into its block costs as much as this many pixels save. */
const PIXELS_PER_WEIGHT = 5;

/** The shape of a weight, where channels in blocks pay off: for flat images with many more pixels than the weight has values. */
function inBlocks(shape: readonly number[], pixels: number): readonly number[] | undefined {
  const [outputs, inputs, ...kernel] = shape;
  const fits = kernel.length === 2 && outputs % BLOCK === 0 && inputs % BLOCK === 0;
  const worth = sizeOf(kernel) > 1 && pixels > PIXELS_PER_WEIGHT * outputs * sizeOf(kernel);
  return fits && worth ? shape : undefined;
}

/** The kernel turned round along all axes of space. */
export function flipped(graph: GraphBuilder, weight: Value, kernel: readonly number[]): Value {
  const axes = kernel.map((_, axis) => axis + 2).filter((_, axis) => kernel[axis] > 1);
  if (axes.length === 0) return weight;
  const all = (value: number) => graph.integers(axes.map(() => value));
  return graph.add("Slice", [weight, all(-1), all(-(2 ** 31)), graph.integers(axes), all(-1)]);
}

/** The gradient by the input, which is also the transposed convolution. */
export function convolutionInputLowering(
  graph: GraphBuilder,
  { dy, weight }: { dy: Traced; weight: Traced },
  { stride, padding, dilation, size }: ConvolutionAttributes,
): Traced {
  const kernel = weight.shape.slice(2);
  const channels = weight.shape[1];
  const given = image(graph, dy);
  const tiles = kernel.every((each, axis) => each === stride[axis] && padding[axis] === 0);
  if (tiles && sizeOf(kernel) > 1 && graph.target !== "portable") return tiled(graph, dy, weight, size);
  if (stride.every((each) => each === 1)) {
    // The same convolution with the kernel turned round: in 3D many times as fast as ONNX's ConvTranspose.
    const swapped = graph.add("Transpose", [plain(graph, weight)], {
      attributes: { perm: [1, 0, ...kernel.map((_, axis) => axis + 2)] },
    });
    const value = graph.add("Conv", [given, flipped(graph, swapped, kernel)], {
      attributes: {
        strides: [...stride],
        pads: both(kernel.map((each, axis) => dilation[axis] * (each - 1) - padding[axis])),
        dilations: [...dilation],
        kernel_shape: kernel,
      },
      weightShape: inBlocks([channels, weight.shape[0], ...kernel], dy.shape[0] * sizeOf(size)),
    });
    return channelsLast(value, dy.shape[0], size, channels, dy.type);
  }
  const reached = spaceOf(dy).map(
    (each, axis) => (each - 1) * stride[axis] - 2 * padding[axis] + dilation[axis] * (kernel[axis] - 1) + 1,
  );
  const value = graph.add("ConvTranspose", [given, plain(graph, weight)], {
    attributes: {
      strides: [...stride],
      pads: both(padding),
      dilations: [...dilation],
      kernel_shape: kernel,
      output_padding: size.map((each, axis) => each - reached[axis]),
    },
  });
  return channelsLast(value, dy.shape[0], size, channels, dy.type);
}

/**
 * A transposed convolution whose kernels lie side by side: a matrix product for each column of the kernel. Columns are joined as
 * neighbors, rows by moving whole lines: a transposition of single pixels takes several times as long.
 */
function tiled(graph: GraphBuilder, dy: Traced, weight: Traced, size: readonly number[]): Traced {
  const [batch] = dy.shape;
  const space = spaceOf(dy);
  const [inputs, channels, ...kernel] = weight.shape;
  const last = kernel.length - 1;
  const [columns, rows] = [kernel[last], kernel.slice(0, last)];
  const given = graph.add("Reshape", [image(graph, dy), graph.integers([batch, inputs, sizeOf(space)])]);
  const weights = graph.addMany("Split", [plain(graph, weight), graph.integers(new Array(columns).fill(1))], {
    attributes: { axis: 2 + last },
    outputs: columns,
  });
  const products = weights.map((each) => {
    const matrix = graph.add("Reshape", [each, graph.integers([inputs, channels * sizeOf(rows)])]);
    const product = graph.matrixProduct(
      { value: matrix, rank: 2, swapped: true },
      { value: given, rank: 3, swapped: false },
    );
    return graph.add("Reshape", [product, graph.integers([batch, channels, ...rows, ...space, 1])]);
  });
  const neighbors = graph.add("Concat", products, { attributes: { axis: 2 + rows.length + space.length } });
  const lines = graph.add("Reshape", [
    neighbors,
    graph.integers([batch, channels, ...rows, ...space.slice(0, last), space[last] * columns]),
  ]);
  const axes = rows.map((_, axis) => axis);
  const unfolded = graph.add("Transpose", [lines], {
    attributes: {
      perm: [0, 1, ...axes.flatMap((axis) => [2 + rows.length + axis, 2 + axis]), 2 + 2 * rows.length],
    },
  });
  const whole = space.map((each, axis) => each * kernel[axis]);
  const value = graph.add("Reshape", [unfolded, graph.integers([batch, channels, ...whole])]);
  const result = channelsLast(value, batch, whole, channels, dy.type);
  return size.every((each, axis) => each === whole[axis]) ? result : extended(graph, result, size);
}

export function convolutionWeightLowering(
  graph: GraphBuilder,
  { x, dy }: { x: Traced; dy: Traced },
  attributes: ConvolutionAttributes,
): Traced {
  return graph.target === "gpu"
    ? weightGradientByLines(graph, x, dy, attributes)
    : weightGradient(graph, x, dy, attributes);
}

export function maxPoolingLowering(
  graph: GraphBuilder,
  { x }: { x: Traced },
  { window }: { window: readonly number[] },
): Traced[] {
  if (graph.target === "gpu") return maxPoolingByWindows(graph, x, window);
  const size = spaceOf(x).map((each, axis) => Math.floor(each / window[axis]));
  const [largest, places] = graph.addMany("MaxPool", [image(graph, x)], {
    attributes: { kernel_shape: [...window], strides: [...window] },
    outputs: 2,
  });
  const pooled = (value: Value) => channelsLast(value, x.shape[0], size, channelsOf(x));
  return [pooled(largest), { ...pooled(places), type: "int64" }];
}

export function maxUnpoolingLowering(
  graph: GraphBuilder,
  { dy, places }: { dy: Traced; places: Traced },
  { window, size }: { window: readonly number[]; size: readonly number[] },
): Traced {
  if (graph.target === "gpu") return maxUnpoolingByWindows(graph, dy, places, window, size);
  const [batch, channels] = [dy.shape[0], channelsOf(dy)];
  const shape = graph.integers([batch, channels, ...size]);
  const value = graph.add("MaxUnpool", [image(graph, dy), image(graph, places), shape], {
    attributes: { kernel_shape: [...window], strides: [...window] },
  });
  return channelsLast(value, batch, size, channels);
}
