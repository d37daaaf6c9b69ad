/**
 * The gradient of a 2D convolution by its weight, as one of onnxruntime's direct convolutions (blocked-convolutions.ts). One of the two
 * images is its kernel, the other one slides. Stored in blocks, the channels of a pixel are neighbors: the next place of the kernel is the
 * next channel, or the next pixel's first one. Neither image is copied for each value of the weight's kernel.
 */
import { at, exactly, product } from "../../../facts/checked-lists.ts";
import type { ConvolutionAttributes } from "../../convolution.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import type { Traced } from "../layout.ts";
import { IN_BLOCKS } from "../model-proto.ts";
import { image } from "./image-layout.ts";
import { identityMatrix, moved, reversedMatrix } from "./kernel-order.ts";
import { type Slide, slideOf } from "./slide.ts";
import { tileProducts, tileSums } from "./tiled-weight-gradient.ts";

/**
 * Adds the gradient, in the order of `[out, in, …kernel]`.
 *
 * @param block channels in a block, 0 without blocks
 * @returns undefined where this form does not fit
 */
export function blockedWeightGradient(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  attributes: ConvolutionAttributes,
  block: number,
): Value | undefined {
  const slide = slideOf(x, dy, attributes, block);
  if (slide === undefined) return undefined;
  const { sliding, fixed, places } = slide;
  const [count, pairs] = [product(places), channelsOf(x) * channelsOf(dy)];
  const [slidingBlocks, fixedBlocks] = [channelsOf(sliding) / block, channelsOf(fixed) / block];
  const tiles = tileSums(slide);
  const products =
    tiles === undefined
      ? slidProducts(graph, slide)
      : tileProducts(graph, slide, tiles, {
          sliding: inBlocks(graph, sliding),
          fixed: inBlocks(graph, fixed),
        });
  const transposed = (value: Value, shape: readonly number[], perm: readonly number[]) =>
    graph.reshape(moved(graph, value, [{ shape, perm }]), [count, pairs]);
  // Whole blocks are moved. The product then makes columns of rows, in half the time that Transpose takes for large weights.
  const inColumns = (rows: Value, order: Value) =>
    graph.matrixProduct({ value: rows, rank: 2, swapped: true }, { value: order, rank: 2, swapped: false });
  if (sliding === dy)
    return inColumns(
      transposed(products, [slidingBlocks, fixedBlocks, count, block, block], [2, 0, 3, 1, 4]),
      reversedMatrix(graph, count),
    );
  const separated = graph.add("ReorderOutput", [products], {
    attributes: { channels: channelsOf(fixed) },
    domain: IN_BLOCKS,
  });
  return inColumns(
    transposed(separated, [slidingBlocks, channelsOf(fixed), count, block], [2, 1, 0, 3]),
    identityMatrix(graph, count),
  );
}

/**
 * Adds the sums over pixels and batch of the fixed image times the sliding one at each place, as channels of the fixed image in blocks:
 * `[sliding block, fixed channel, places along y, places along x · sliding channel]`.
 */
function slidProducts(graph: GraphBuilder, slide: Slide): Value {
  const [batch, rest] = [batchOf(slide.fixed), batchOf(slide.fixed) % slide.block];
  const images = { input: slidingInput(graph, slide), kernel: inBlocks(graph, slide.fixed) };
  // Samples are the channels of a convolution, which are whole blocks or fewer than one.
  const ranges = [
    [0, batch - rest],
    [batch - rest, batch],
  ] as const;
  const sums = ranges
    .filter(([from, to]) => to > from)
    .map(([from, to]) => {
      const part = (value: Value, axis: number) =>
        to - from === batch
          ? value
          : graph.add("Slice", [value, ...[from, to, axis].map((each) => graph.integers([each]))]);
      return samplesProducts(graph, slide, part(images.input, 1), part(images.kernel, 0), to - from);
    });
  return sums.length === 1 ? at(sums, 0) : graph.add("Sum", sums);
}

/**
 * As {@link slidProducts}, for some samples.
 *
 * @param input their sliding images, `[block, sample, y, x · channel]`
 * @param kernel their fixed images in blocks
 */
function samplesProducts(
  graph: GraphBuilder,
  slide: Slide,
  input: Value,
  kernel: Value,
  count: number,
): Value {
  const { sliding, fixed, stride, before, after, places, block } = slide;
  const [channels, pixels] = [channelsOf(fixed), product(spaceOf(fixed))];
  // Each sample's sums are added afterwards, unless there are more sums than pixels.
  const together = count < block && channelsOf(sliding) * product(places) > pixels;
  const [groups, samples] = together ? [1, count] : [count, 1];
  const kernels = together ? blocksFirst(graph, kernel, [count, channels / block, pixels * block]) : kernel;
  const [stepY, stepX] = exactly(stride, 2);
  const attributes = {
    kernel_shape: spaceOf(fixed),
    dilations: [stepY, stepX * block],
    // Zeros along x lie in the input already: the convolution is fast only where it needs none.
    pads: [before[0] ?? 0, 0, after[0] ?? 0, 0],
    group: groups,
  };
  const operands = [input, graph.reshape(kernels, [groups * channels, samples, ...spaceOf(fixed)])];
  const sums = graph.add("Conv", operands, { domain: IN_BLOCKS, attributes });
  const [placesY, placesX] = exactly(places, 2);
  const shape = [channels, placesY, placesX * block];
  const blocks = channelsOf(sliding) / block;
  if (groups === 1) return graph.reshape(sums, [blocks, ...shape]);
  return graph.add("ReduceSum", [graph.reshape(sums, [blocks, groups, ...shape]), graph.integers([1])], {
    attributes: { keepdims: 0 },
  });
}

const inBlocks = (graph: GraphBuilder, tensor: Traced): Value =>
  graph.add("ReorderInput", [image(graph, tensor)], { domain: IN_BLOCKS });

/** Returns the sliding image in blocks, with zeros before and after each line: `[block, batch, y, x · channel]`. */
function slidingInput(graph: GraphBuilder, { sliding, before, after, block }: Slide): Value {
  const [batch, blocks] = [batchOf(sliding), channelsOf(sliding) / block];
  const [lines, columns] = exactly(spaceOf(sliding), 2);
  const [left = 0, right = 0] = [before[1], after[1]];
  const zeros = (count: number) =>
    count === 0 ? [] : [graph.zeros([batch * blocks * lines, count * block])];
  const given = graph.reshape(inBlocks(graph, sliding), [batch * blocks * lines, columns * block]);
  const padded = graph.concat([...zeros(left), given, ...zeros(right)], 1);
  const width = (left + columns + right) * block;
  return graph.reshape(blocksFirst(graph, padded, [batch, blocks, lines * width]), [
    blocks,
    batch,
    lines,
    width,
  ]);
}

/** Returns a value `[batch, block, …]` as `[block, batch, …]`. */
function blocksFirst(graph: GraphBuilder, value: Value, shape: readonly [number, number, number]): Value {
  const [batch, blocks] = shape;
  if (batch === 1 || blocks === 1) return value;
  return moved(graph, value, [{ shape, perm: [1, 0, 2] }]);
}
