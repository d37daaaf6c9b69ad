/** The transformer block that MAE, ViT and UNETR share (Vaswani et al. 2017; Dosovitskiy et al. 2021, figure 1). */
import { exactly, lastOf } from "../facts/checked-lists.ts";
import { gelu } from "../runtime/activations.ts";
import { attention } from "../runtime/attention.ts";
import { layerNormalization } from "../runtime/normalization.ts";
import { ones, type Scope, zeros } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { projected } from "./tokens.ts";

/** y = x Wᵀ + b over the last axis. `x` `[…, in]` → `[…, out]`; weight `[out, in]` as in PyTorch. */
export function linear(scope: Scope, x: tf.Tensor, outputs: number): tf.Tensor {
  const inputs = lastOf(x.shape);
  const weight = scope.parameter("weight", [outputs, inputs], { kind: "xavier-uniform" });
  return projected(x, { matrix: weight, bias: scope.parameter("bias", [outputs], zeros) });
}

/** Layer normalization over the last axis of `x` `[…, feature]`. */
export function layerNorm(scope: Scope, x: tf.Tensor, epsilon: number): tf.Tensor {
  const features = [lastOf(x.shape)];
  return layerNormalization(
    x,
    scope.parameter("weight", features, ones),
    scope.parameter("bias", features, zeros),
    epsilon,
  );
}

/** Multi-head self-attention. `x` `[batch, token, feature]`. */
function selfAttention(scope: Scope, x: tf.Tensor, heads: number): tf.Tensor {
  const [batch, tokens, features] = exactly(x.shape, 3, "The shape of tokens");
  const width = features / heads;
  const parts = linear(scope.at("qkv"), x, 3 * features)
    .reshape([batch, tokens, 3, heads, width])
    .transpose([2, 0, 3, 1, 4])
    .reshape([3, batch * heads, tokens, width])
    .unstack();
  const [query, key, value] = exactly(parts, 3);
  const mixed = attention(query.mul(width ** -0.5), key, value, heads)
    .reshape([batch, heads, tokens, width])
    .transpose([0, 2, 1, 3])
    .reshape(x.shape);
  return linear(scope.at("proj"), mixed, features);
}

/** Settings of a transformer block. */
export interface BlockSettings {
  readonly heads: number;
  /** Hidden features of the MLP. */
  readonly hidden: number;
  readonly epsilon: number;
}

/** A pre-norm transformer block. `x` `[batch, token, feature]`. */
export function transformerBlock(
  scope: Scope,
  x: tf.Tensor,
  { heads, hidden, epsilon }: BlockSettings,
): tf.Tensor {
  const features = lastOf(x.shape);
  const attended = x.add(selfAttention(scope.at("attn"), layerNorm(scope.at("norm1"), x, epsilon), heads));
  const mlp = scope.at("mlp");
  const wide = gelu(linear(mlp.at("fc1"), layerNorm(scope.at("norm2"), attended, epsilon), hidden));
  return attended.add(linear(mlp.at("fc2"), wide, features));
}
