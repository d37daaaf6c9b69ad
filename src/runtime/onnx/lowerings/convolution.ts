/** Convolutions and their gradients in ONNX, which has them channels-first. */
import { at, atLeast, lastOf, product, zip } from "../../../facts/checked-lists.ts";
import {
  CONVOLUTION,
  CONVOLUTION_INPUT,
  CONVOLUTION_WEIGHT,
  type ConvolutionAttributes,
  type ConvolutionWindow,
} from "../../convolution.ts";
import { batchOf, spaceOf } from "../../image-shape.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { plain, sameSizes, type Traced } from "../layout.ts";
import type { VolumeShapes } from "../model-proto.ts";
import { paysOff } from "../volume-convolutions.ts";
import { hasTiles } from "../winograd.ts";
import { channelsLast, extended, image, interleavedLines } from "./image-layout.ts";
import { flipped } from "./kernel-order.ts";
import { type Lowering, lowering } from "./lowering.ts";
import { convolutionInputRefusal, convolutionRefusal, convolutionWeightRefusal } from "./operand-shapes.ts";
import { isOfPatches, patchConvolution, patchConvolutionInput, patchConvolutionWeight } from "./patches.ts";
import { byPhases } from "./strided-gradient.ts";
import { weightGradient } from "./weight-gradient.ts";

const both = (values: readonly number[]) => [...values, ...values];
const isOne = (value: number) => value === 1;

function convolution(
  graph: GraphBuilder,
  { x, weight }: { readonly x: Traced; readonly weight: Traced },
  { stride, padding, dilation }: ConvolutionWindow,
): Traced {
  const [outputs, inputs, ...kernel] = atLeast(weight.shape, 2);
  if (isOfPatches(graph, x, kernel, spaceOf(x), { stride, padding, dilation }))
    return patchConvolution(graph, x, weight);
  const size = zip(spaceOf(x), kernel, stride, padding, dilation).map(([pixels, width, step, pad, spacing]) =>
    Math.floor((pixels + 2 * pad - spacing * (width - 1) - 1) / step + 1),
  );
  const value = graph.add("Conv", [image(graph, x), plain(graph, weight)], {
    attributes: { strides: [...stride], pads: both(padding), dilations: [...dilation], kernel_shape: kernel },
    weightShape: inBlocks(weight.shape, batchOf(x) * product(size)),
    volumeShapes: onPlanes(
      {
        image: [batchOf(x), inputs, ...spaceOf(x)],
        result: [batchOf(x), outputs, ...size],
        weight: weight.shape,
      },
      { stride, dilation },
    ),
  });
  return channelsLast(value, batchOf(x), size, outputs, x.type);
}

/** Channels in blocks (blocked-convolutions.ts) are a multiple of this: blocks have 16 or 8. */
export const BLOCK = 16;
/** Copying one value of the weight into its block costs as much as this many pixels save. Measured. */
const PIXELS_PER_WEIGHT = 1;

/** Returns a weight's shape where channels in blocks pay off: for 2D images with many more pixels than the weight has values. */
function inBlocks(shape: readonly number[], pixels: number): readonly number[] | undefined {
  const [outputs, inputs, ...kernel] = atLeast(shape, 2);
  const fits = kernel.length === 2 && outputs % BLOCK === 0 && inputs % BLOCK === 0;
  const paysOff = product(kernel) > 1 && pixels > PIXELS_PER_WEIGHT * outputs * product(kernel);
  return fits && paysOff ? shape : undefined;
}

/** Returns the shapes of a convolution of volumes where it is faster plane by plane. */
function onPlanes(
  shapes: VolumeShapes,
  window: Pick<ConvolutionWindow, "stride" | "dilation">,
): VolumeShapes | undefined {
  const [, , ...kernel] = shapes.weight;
  const fits = kernel.length === 3 && hasTiles(kernel, window, at(shapes.result, 2));
  return fits && paysOff(shapes) ? shapes : undefined;
}

/** Adds the gradient by the input, which is also the transposed convolution. */
function convolutionInput(
  graph: GraphBuilder,
  { dy, weight }: { readonly dy: Traced; readonly weight: Traced },
  attributes: ConvolutionAttributes,
): Traced {
  const { stride, padding, size } = attributes;
  const [, channels, ...kernel] = atLeast(weight.shape, 2);
  if (isOfPatches(graph, dy, kernel, size, attributes)) return patchConvolutionInput(graph, dy, weight);
  const given = image(graph, dy);
  const isTiled = sameSizes(kernel, stride) && padding.every((each) => each === 0);
  if (isTiled && product(kernel) > 1 && graph.target !== "portable") return tiled(graph, dy, weight, size);
  const value = stride.every(isOne)
    ? flippedConvolution(graph, given, weight, attributes, [batchOf(dy), ...spaceOf(dy)])
    : (phasedConvolution(graph, given, dy, weight, attributes) ??
      transposedConvolution(graph, given, weight, attributes, spaceOf(dy)));
  return channelsLast(value, batchOf(dy), size, channels, dy.type);
}

/** Adds the convolution with the flipped kernel, which is the gradient at stride 1: in 3D many times as fast as ConvTranspose. */
function flippedConvolution(
  graph: GraphBuilder,
  dy: Value,
  weight: Traced,
  { stride, padding, dilation, size }: ConvolutionAttributes,
  [batch, ...space]: readonly [number, ...number[]],
): Value {
  const [outputs, channels, ...kernel] = atLeast(weight.shape, 2);
  const pads = zip(kernel, padding, dilation).map(([width, pad, spacing]) => spacing * (width - 1) - pad);
  const shape = [channels, outputs, ...kernel];
  return graph.add("Conv", [dy, exchanged(graph, weight)], {
    attributes: { strides: [...stride], pads: both(pads), dilations: [...dilation], kernel_shape: kernel },
    weightShape: inBlocks(shape, batch * product(size)),
    volumeShapes: onPlanes(
      { image: [batch, outputs, ...space], result: [batch, channels, ...size], weight: shape },
      { stride, dilation },
    ),
  });
}

/** Returns flipped kernels with inputs and outputs exchanged: `[in, out, …kernel]`. */
function exchanged(graph: GraphBuilder, weight: Traced): Value {
  const [outputs, channels, ...kernel] = atLeast(weight.shape, 2);
  const swapped = graph.add("Transpose", [plain(graph, weight)], {
    attributes: { perm: [1, 0, ...kernel.map((_, axis) => axis + 2)] },
  });
  return flipped(graph, swapped, [channels, outputs, ...kernel]);
}

/**
 * Adds one convolution for each phase (strided-gradient.ts) where they fit and are faster: in 3D, unless bringing weights into order takes
 * longer than the gradient's pixels save. Portable graphs have one operator.
 */
function phasedConvolution(
  graph: GraphBuilder,
  given: Value,
  dy: Traced,
  weight: Traced,
  attributes: ConvolutionAttributes,
): Value | undefined {
  const [outputs, channels, ...kernel] = atLeast(weight.shape, 2);
  const [batch, space] = [batchOf(dy), spaceOf(dy)];
  const isFaster = space.length === 3 && batch * product(space) >= outputs;
  if (graph.target !== "cpu" || !isFaster) return undefined;
  return byPhases(graph, given, exchanged(graph, weight), { batch, channels, space, kernel }, attributes);
}

function transposedConvolution(
  graph: GraphBuilder,
  dy: Value,
  weight: Traced,
  { stride, padding, dilation, size }: ConvolutionAttributes,
  space: readonly number[],
): Value {
  const kernel = weight.shape.slice(2);
  const covered = zip(space, kernel, stride, padding, dilation).map(
    ([pixels, width, step, pad, spacing]) => (pixels - 1) * step - 2 * pad + spacing * (width - 1) + 1,
  );
  return graph.add("ConvTranspose", [dy, plain(graph, weight)], {
    attributes: {
      strides: [...stride],
      pads: both(padding),
      dilations: [...dilation],
      kernel_shape: kernel,
      output_padding: zip(size, covered).map(([wanted, present]) => wanted - present),
    },
  });
}

/**
 * A transposed convolution whose kernels do not overlap: one matrix product for each column of the kernel. Columns are joined as
 * neighbors, rows by moving whole lines. Transposing single pixels would take several times as long.
 */
function tiled(graph: GraphBuilder, dy: Traced, weight: Traced, size: readonly number[]): Traced {
  const [batch, space] = [batchOf(dy), spaceOf(dy)];
  const [inputs, channels, ...kernel] = atLeast(weight.shape, 2);
  const last = kernel.length - 1;
  const [columns, rows] = [lastOf(kernel), kernel.slice(0, last)];
  const given = graph.reshape(image(graph, dy), [batch, inputs, product(space)]);
  const weights = graph.addMany(
    "Split",
    [plain(graph, weight), graph.integers(new Array<number>(columns).fill(1))],
    { attributes: { axis: 2 + last }, outputs: columns },
  );
  const products = weights.map((each) => {
    const matrix = graph.reshape(each, [inputs, channels * product(rows)]);
    const pixels = graph.matrixProduct(
      { value: matrix, rank: 2, swapped: true },
      { value: given, rank: 3, swapped: false },
    );
    return graph.reshape(pixels, [batch, channels, ...rows, ...space, 1]);
  });
  const neighbors = graph.add("Concat", products, { attributes: { axis: 2 + rows.length + space.length } });
  const wide = space.with(last, lastOf(space) * columns);
  const value = interleavedLines(graph, neighbors, [batch, channels, ...wide], kernel);
  const whole = zip(space, kernel).map(([pixels, each]) => pixels * each);
  return extended(graph, channelsLast(value, batch, whole, channels, dy.type), size);
}

function convolutionWeight(
  graph: GraphBuilder,
  { x, dy }: { readonly x: Traced; readonly dy: Traced },
  attributes: ConvolutionAttributes,
): Traced {
  const { size: kernel } = attributes;
  return isOfPatches(graph, x, kernel, spaceOf(x), attributes)
    ? patchConvolutionWeight(graph, x, dy, kernel)
    : weightGradient(graph, { x, dy }, attributes);
}

export const convolutionLowerings: Readonly<Record<string, Lowering>> = {
  [CONVOLUTION.name]: lowering(CONVOLUTION, convolution, convolutionRefusal),
  [CONVOLUTION_INPUT.name]: lowering(CONVOLUTION_INPUT, convolutionInput, convolutionInputRefusal),
  [CONVOLUTION_WEIGHT.name]: lowering(CONVOLUTION_WEIGHT, convolutionWeight, convolutionWeightRefusal),
};
