/** Images as sequences of tokens, the squares or cubes that they are cut into (Dosovitskiy et al. 2021, section 3.1). */

import { type Scope, zeros } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";

/** Cuts patches `[batch, (z,) y, x, channel]` into tokens `[batch, token, pixel · channel]`. */
export function patchify(images: tf.Tensor, tokenSize: number): tf.Tensor {
  const [batch, ...rest] = images.shape;
  const channels = rest[rest.length - 1];
  const grid = rest.slice(0, -1).map((size) => size / tokenSize);
  const axes = grid.map((_, axis) => axis);
  return images
    .reshape([batch, ...grid.flatMap((count) => [count, tokenSize]), channels])
    .transpose([
      0,
      ...axes.map((axis) => 1 + 2 * axis),
      ...axes.map((axis) => 2 + 2 * axis),
      1 + 2 * grid.length,
    ])
    .reshape([
      batch,
      grid.reduce((product, count) => product * count, 1),
      tokenSize ** grid.length * channels,
    ]);
}

/** The inverse of {@link patchify}: tokens of the given grid back to `[batch, (z,) y, x, channel]`. */
export function unpatchify(tokens: tf.Tensor, grid: readonly number[], tokenSize: number): tf.Tensor {
  const batch = tokens.shape[0];
  const channels = (tokens.shape[2] ?? 0) / tokenSize ** grid.length;
  const axes = grid.map((_, axis) => axis);
  return tokens
    .reshape([batch, ...grid, ...grid.map(() => tokenSize), channels])
    .transpose([0, ...axes.flatMap((axis) => [1 + axis, 1 + grid.length + axis]), 1 + 2 * grid.length])
    .reshape([batch, ...grid.map((count) => count * tokenSize), channels]);
}

export interface TokenSettings {
  /** `[y, x]` or `[z, y, x]` */
  readonly patchSize: readonly number[];
  readonly channels: number;
  readonly tokenSize: number;
  readonly features: number;
}

/** What maps each row: `matrix` is `[out, in]` as in PyTorch, `bias` `[out]`. */
export interface Projection {
  readonly matrix: tf.Tensor;
  readonly bias: tf.Tensor;
}

/** y = x Wᵀ + b over the last axis. `x` `[…, in]` → `[…, out]` */
export function projected(x: tf.Tensor, { matrix, bias }: Projection): tf.Tensor {
  const [outputs, inputs = 0] = matrix.shape;
  return x
    .reshape([-1, inputs])
    .matMul(matrix, false, true)
    .add(bias)
    .reshape([...x.shape.slice(0, -1), outputs]);
}

/** A convolution whose kernels lie side by side, as what projects a token's pixels, `[feature, pixel · channel]`. */
export function tokenProjection(
  scope: Scope,
  { patchSize, channels, tokenSize, features }: TokenSettings,
): Projection {
  const kernel = patchSize.map(() => tokenSize);
  const weight = scope.parameter("weight", [features, channels, ...kernel], { kind: "xavier-uniform" });
  const order = [0, ...kernel.map((_, axis) => axis + 2), 1];
  const pixels = channels * tokenSize ** kernel.length;
  return {
    matrix: weight.transpose(order).reshape([features, pixels]),
    bias: scope.parameter("bias", [features], zeros),
  };
}
