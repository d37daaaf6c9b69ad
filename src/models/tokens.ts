/** Images as sequences of tokens: squares or cubes of pixels (Dosovitskiy et al. 2021, section 3.1). */
import { exactly, product } from "../facts/checked-lists.ts";
import { batchOf, channelsOf, spaceOf } from "../runtime/image-shape.ts";
import { type Scope, zeros } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";

/** Cuts patches `[batch, (z,) y, x, channel]` into tokens `[batch, token, pixel · channel]`. */
export function patchify(images: tf.Tensor, tokenSize: number): tf.Tensor {
  const [batch, channels] = [batchOf(images), channelsOf(images)];
  const grid = spaceOf(images).map((size) => size / tokenSize);
  const axes = grid.map((_, axis) => axis);
  return images
    .reshape([batch, ...grid.flatMap((count) => [count, tokenSize]), channels])
    .transpose([
      0,
      ...axes.map((axis) => 1 + 2 * axis),
      ...axes.map((axis) => 2 + 2 * axis),
      1 + 2 * grid.length,
    ])
    .reshape([batch, product(grid), tokenSize ** grid.length * channels]);
}

/** Joins tokens on a grid to images `[batch, (z,) y, x, channel]`: the inverse of {@link patchify}. */
export function unpatchify(tokens: tf.Tensor, grid: readonly number[], tokenSize: number): tf.Tensor {
  const [batch, , values] = exactly(tokens.shape, 3, "The shape of tokens");
  const channels = values / tokenSize ** grid.length;
  const axes = grid.map((_, axis) => axis);
  return tokens
    .reshape([batch, ...grid, ...grid.map(() => tokenSize), channels])
    .transpose([0, ...axes.flatMap((axis) => [1 + axis, 1 + grid.length + axis]), 1 + 2 * grid.length])
    .reshape([batch, ...grid.map((count) => count * tokenSize), channels]);
}

/** Size of a patch and of its tokens, in pixels or voxels. */
export interface TokenSettings {
  /** `[y, x]` or `[z, y, x]` */
  readonly patchSize: readonly number[];
  readonly channels: number;
  readonly tokenSize: number;
  readonly features: number;
}

/** The weights of a linear layer. */
export interface Projection {
  /** `[out, in]`, as in PyTorch. */
  readonly matrix: tf.Tensor;
  /** `[out]` */
  readonly bias: tf.Tensor;
}

/** y = x Wᵀ + b over the last axis. `x` `[…, in]` → `[…, out]` */
export function projected(x: tf.Tensor, { matrix, bias }: Projection): tf.Tensor {
  const [outputs, inputs] = exactly(matrix.shape, 2);
  return x
    .reshape([-1, inputs])
    .matMul(matrix, false, true)
    .add(bias)
    .reshape([...x.shape.slice(0, -1), outputs]);
}

/** Declares a convolution whose kernels do not overlap, and returns it as a projection of a token's pixels, `[feature, pixel · channel]`. */
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
