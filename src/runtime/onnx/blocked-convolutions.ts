/**
 * onnxruntime's direct convolutions: 1.7 times as fast as its usual ones for a few dozen channels, depthwise ones 1.5 to 5 times. They
 * store channels in blocks as wide as the processor's vectors (com.microsoft.nchwc). onnxruntime selects them automatically only where
 * weights are constant, which they are not while a network trains, so the graph names them explicitly.
 */
import { atLeast, exactly, product } from "../../facts/checked-lists.ts";
import { BlockedImages } from "./blocked-images.ts";
import { liveNodes } from "./finished-nodes.ts";
import { kernelsInBlocks } from "./kernels-in-blocks.ts";
import { withMergedReshapes } from "./merged-reshapes.ts";
import {
  encodeModel,
  type GraphDefinition,
  IN_BLOCKS,
  type NodeDefinition,
  type Subgraph,
} from "./model-proto.ts";
import { NativeSession } from "./native-session.ts";
import { NativeTensor } from "./native-tensor.ts";
import { Constants, Replacement } from "./replacement.ts";
import { withValuesInBlocks } from "./values-in-blocks.ts";
import { planeConvolutions } from "./volume-convolutions.ts";

/**
 * Returns the graph with each convolution that has a `weightShape` computed on channels in blocks, and each that has `volumeShapes` on
 * planes.
 *
 * @param block channels in a block; 0 for none
 */
export function withBlockedConvolutions<Graph extends Subgraph>(graph: Graph, block: number): Graph {
  const constants = new Constants(graph.constants);
  const images = new BlockedImages(graph, block, constants);
  const nodes = graph.nodes.flatMap((node) => {
    if (node.volumeShapes !== undefined) return planeConvolutions(node, node.volumeShapes, block, constants);
    if (block === 0) return [node];
    return node.weightShape === undefined
      ? [images.merged(node)]
      : blocked(node, node.weightShape, block, images, constants);
  });
  const changed = {
    ...graph,
    nodes: liveNodes(images.withSums(nodes), graph.outputs),
    constants: constants.all,
  };
  return withMergedReshapes(block > 0 ? withValuesInBlocks(changed, block) : changed);
}

function blocked(
  convolution: NodeDefinition,
  weightShape: readonly number[],
  block: number,
  images: BlockedImages,
  constants: Constants,
): NodeDefinition[] {
  const { inputs, outputs, attributes, origin } = convolution;
  const [x, weight, ...bias] = atLeast(inputs, 2, "A convolution's inputs");
  const [y] = exactly(outputs, 1, "A convolution's outputs");
  const [channels, inputChannels, ...kernel] = atLeast(weightShape, 2);
  const isDepthwise = attributes.group !== undefined;
  const made = new Replacement(convolution, constants);
  const kernels = isDepthwise
    ? made.include(images.input(weight, origin, [1, channels, ...kernel]))
    : kernelsInBlocks(made, weight, [channels, inputChannels, 1, product(kernel)], block);
  const shaped = made.reshape(kernels, weightShape);
  const image = isDepthwise
    ? made.include(images.input(x, origin))
    : made.add("ReorderInput", [x], {}, IN_BLOCKS);
  const result = made.add("Conv", [image, shaped, ...bias], attributes, IN_BLOCKS);
  return [...made.nodes, images.output(result, y, channels, origin)];
}

let known: number | undefined;

/** Returns how many channels a block has on this processor: 16 or 8, or 0 where onnxruntime has no blocked convolutions. */
export function channelBlock(): number {
  known ??= probe();
  return known;
}

/** Reorders 16 channels into blocks and looks where the ninth is stored. */
function probe(): number {
  const shape = [1, 16, 1, 2];
  const value = (name: string) => ({ name, type: "float32" as const, shape });
  const graph: GraphDefinition = {
    nodes: [{ operator: "ReorderInput", domain: IN_BLOCKS, inputs: ["x"], outputs: ["y"], attributes: {} }],
    inputs: [value("x")],
    outputs: [value("y")],
    constants: [],
  };
  const numbers = Float32Array.from({ length: 32 }, (_, index) => index);
  const result = new Float32Array(32);
  const x = new NativeTensor(numbers, "float32", shape);
  const y = new NativeTensor(result, "float32", shape);
  try {
    const session = NativeSession.compiled(
      encodeModel(graph),
      { threads: 1 },
      { inputs: ["x"], outputs: ["y"] },
    );
    session.runNow(BigUint64Array.of(x.pointer), BigUint64Array.of(y.pointer));
    session.release();
  } catch {
    return 0;
  } finally {
    x.release();
    y.release();
  }
  // With two pixels, position 8 holds the ninth channel of the first pixel, or the first channel of the second.
  if (result[8] === 16) return 16;
  return result[8] === 1 && result[1] === 2 ? 8 : 0;
}
