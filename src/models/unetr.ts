/** UNETR (Hatamizadeh et al. 2022, figure 2): a vision transformer as encoder, convolutions as decoder. */
import type { Activation } from "../facts/architectures.ts";
import { at, exactly, lastOf } from "../facts/checked-lists.ts";
import { batchOf, spaceOf } from "../runtime/image-shape.ts";
import { FEATURES, type Scope, zeros } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";
import { type BlockSettings, convBlock } from "./blocks.ts";
import { head } from "./encoder-decoder.ts";
import { convTranspose } from "./layers.ts";
import type { Normalization } from "./normalization-layers.ts";
import { patchify, projected, tokenProjection } from "./tokens.ts";
import { transformerBlock } from "./transformer.ts";

export interface UnetrSettings {
  /** `[y, x]` or `[z, y, x]`, each a multiple of `tokenSize`. */
  readonly patchSize: readonly number[];
  /** Channels of the image. */
  readonly channels: number;
  /** Channels of the result. */
  readonly outputs: number;
  /** Side of a token in pixels, a power of 2: the decoder doubles the size log2(tokenSize) times. */
  readonly tokenSize: number;
  readonly features: number;
  readonly layers: number;
  readonly heads: number;
  readonly hidden: number;
  /** Channels at full size; each level below has twice as many. */
  readonly filters: number;
  /** The decoder reads every n-th transformer layer. */
  readonly layersPerLevel: number;
  readonly normalization: Normalization;
  readonly activation: Activation;
  readonly kernel: number;
  readonly dropout: number;
}

const EPSILON = 1e-5;

/** Returns the tokens after every transformer layer, as images `[batch, …grid, feature]`. */
function encode(scope: Scope, images: tf.Tensor, settings: UnetrSettings): tf.Tensor[] {
  const { tokenSize, features, layers, patchSize } = settings;
  const batch = batchOf(images);
  const projection = tokenProjection(scope.at("patch_embed.proj"), settings);
  const embedded = projected(patchify(images, tokenSize), projection);
  const [, tokens] = exactly(embedded.shape, 3);
  const classToken = scope.parameter("cls_token", [1, 1, features], zeros).tile([batch, 1, 1]);
  const position = scope.state("pos_embed", [1, tokens + 1, features], zeros);
  let x = tf.concat([classToken, embedded], 1).add(position);
  const outputs: tf.Tensor[] = [];
  for (let layer = 0; layer < layers; layer++) {
    x = transformerBlock(scope.at(`blocks.${layer}`), x, { ...settings, epsilon: EPSILON });
    outputs.push(x.slice([0, 1, 0]).reshape([batch, ...patchSize.map((each) => each / tokenSize), features]));
  }
  return outputs;
}

/** @param images `[batch, (z,) y, x, channel]` */
export function unetr(scope: Scope, images: tf.Tensor, settings: UnetrSettings): tf.Tensor {
  const { outputs, filters, layersPerLevel, tokenSize, kernel } = settings;
  const depth = Math.log2(tokenSize);
  const space = spaceOf(images);
  const block = (wide: number): BlockSettings => ({
    ...settings,
    filters: wide,
    kernel: space.map(() => kernel),
    order: "conv_norm_act",
  });
  const double = (layers: Scope, x: tf.Tensor, wide: number) =>
    convTranspose(layers, x, { filters: wide, factors: space.map(() => 2), bias: false });

  const encoded = encode(scope, images, settings);
  scope.mark(FEATURES, lastOf(encoded));
  let x = double(scope.at("bottleneck"), lastOf(encoded), filters * 2 ** (depth - 1));
  for (let level = depth - 1; level >= 1; level--) {
    const place = depth - 1 - level;
    const wide = filters * 2 ** level;
    let bridge = at(encoded, layersPerLevel * level - 1);
    for (let step = 0; step < depth - level; step++) {
      const layers = scope.at(`mid_blue_block.${place}`);
      bridge = double(layers.at(String(2 * step)), bridge, wide);
      bridge = convBlock(layers.at(String(2 * step + 1)), bridge, block(wide), 1);
    }
    x = convBlock(scope.at(`two_yellow_layers.${place}`), tf.concat([x, bridge], -1), block(wide), 2);
    x = double(scope.at(`up_green_layers.${place}`), x, wide / 2);
  }
  const shallow = convBlock(scope.at(`two_yellow_layers.${depth - 1}`), images, block(filters), 2);
  x = convBlock(scope.at(`two_yellow_layers.${depth}`), tf.concat([shallow, x], -1), block(filters), 2);
  return head(scope, x, outputs);
}
