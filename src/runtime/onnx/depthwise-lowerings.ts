/** How depthwise convolutions and their gradients are written in ONNX: as convolutions with a group for each channel. */
import type { DepthwiseAttributes, DepthwiseWeightAttributes } from "../depthwise.ts";
import { channelsOf, spaceOf } from "../image-shape.ts";
import { flipped } from "./convolution-lowerings.ts";
import type { GraphBuilder } from "./graph.ts";
import { channelsLast, image } from "./image-layout.ts";
import { plain, plainTensor, type Traced } from "./layout.ts";

const halves = (kernel: readonly number[]) => kernel.map((size) => (size - 1) / 2);

export function depthwiseLowering(
  graph: GraphBuilder,
  { x, weight }: { x: Traced; weight: Traced },
  { turned }: DepthwiseAttributes,
): Traced {
  const kernel = weight.shape.slice(2);
  const factors = turned ? flipped(graph, plain(graph, weight), kernel) : plain(graph, weight);
  const value = graph.add("Conv", [image(graph, x), factors], {
    attributes: {
      pads: [...halves(kernel), ...halves(kernel)],
      kernel_shape: kernel,
      group: channelsOf(x),
    },
  });
  return channelsLast(value, x.shape[0], spaceOf(x), channelsOf(x), x.type);
}

/** The image convolved with `dy` as its kernel: every channel of every sample is a group. */
export function depthwiseWeightLowering(
  graph: GraphBuilder,
  { x, dy }: { x: Traced; dy: Traced },
  { size }: DepthwiseWeightAttributes,
): Traced {
  const [batch, channels, space] = [x.shape[0], channelsOf(x), spaceOf(x)];
  const planes = graph.add("Reshape", [image(graph, x), graph.integers([1, batch * channels, ...space])]);
  const kernels = graph.add("Reshape", [image(graph, dy), graph.integers([batch * channels, 1, ...space])]);
  const product = graph.add("Conv", [planes, kernels], {
    attributes: {
      pads: [...halves(size), ...halves(size)],
      kernel_shape: space,
      group: batch * channels,
    },
  });
  const perSample = graph.add("Reshape", [product, graph.integers([batch, channels, 1, ...size])]);
  const summed = graph.add("ReduceSum", [perSample, graph.integers([0])], { attributes: { keepdims: 0 } });
  return plainTensor(summed, x.type, [channels, 1, ...size]);
}
