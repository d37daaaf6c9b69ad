/**
 * The vision transformer (Dosovitskiy et al. 2021, figure 1). To restore images, its head, one linear layer, maps each token to its
 * pixels, as in SimMIM (Xie et al. 2022). BiaPy's head maps the class token to classes.
 */
import { exactly } from "../facts/checked-lists.ts";
import { FEATURES, type Scope } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";
import { dropout } from "./layers.ts";
import { patchify, projected, tokenProjection, unpatchify } from "./tokens.ts";
import { layerNorm, linear, transformerBlock } from "./transformer.ts";

export interface VitSettings {
  /** `[y, x]` or `[z, y, x]`, each a multiple of `tokenSize`. */
  readonly patchSize: readonly number[];
  readonly channels: number;
  /** Side of a token, in pixels or voxels. */
  readonly tokenSize: number;
  readonly features: number;
  readonly layers: number;
  readonly heads: number;
  /** Hidden features of each layer's MLP. */
  readonly hidden: number;
  /** Outputs of the head for each token: pixels of a token, or classes. */
  readonly outputs: number;
  /** Dropout rate before the head. */
  readonly dropout: number;
}

const EPSILON = 1e-6;

/**
 * Returns the head's outputs for every token, the class token first: `[batch, 1 + token, output]`.
 *
 * @param images `[batch, (z,) y, x, channel]`
 */
export function vitOutputs(scope: Scope, images: tf.Tensor, settings: VitSettings): tf.Tensor {
  const { tokenSize, features, layers, heads, hidden, outputs } = settings;
  const start = { kind: "normal", deviation: 0.02 } as const;
  const projection = tokenProjection(scope.at("patch_embed.proj"), settings);
  const embedded = projected(patchify(images, tokenSize), projection);
  const [batch, tokens] = exactly(embedded.shape, 3);
  const classToken = scope.parameter("cls_token", [1, 1, features], start).tile([batch, 1, 1]);
  const position = scope.parameter("pos_embed", [1, tokens + 1, features], start);
  let x = tf.concat([classToken, embedded], 1).add(position);
  for (let layer = 0; layer < layers; layer++)
    x = transformerBlock(scope.at(`blocks.${layer}`), x, { heads, hidden, epsilon: EPSILON });
  x = layerNorm(scope.at("norm"), x, EPSILON);
  const grid = settings.patchSize.map((size) => size / tokenSize);
  scope.mark(FEATURES, x.slice([0, 1, 0]).reshape([batch, ...grid, features]));
  return linear(scope.at("head"), dropout(scope, x, settings.dropout), outputs);
}

/** @param images `[batch, (z,) y, x, channel]` */
export function vit(scope: Scope, images: tf.Tensor, settings: VitSettings): tf.Tensor {
  const { patchSize, tokenSize } = settings;
  const pixels = vitOutputs(scope, images, settings).slice([0, 1, 0]);
  return unpatchify(
    pixels,
    patchSize.map((size) => size / tokenSize),
    tokenSize,
  );
}
