/** MultiResUNet (Ibtehaz & Rahman 2020, figures 3 to 5): blocks of several kernel sizes, and convolutions in the skip connections. */
import { at } from "../facts/checked-lists.ts";
import { spaceOf } from "../runtime/image-shape.ts";
import { maxPool } from "../runtime/pooling.ts";
import { FEATURES, type Scope } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";
import { head } from "./encoder-decoder.ts";
import { conv, convTranspose } from "./layers.ts";
import { batchNorm } from "./normalization-layers.ts";

export interface MultiResUNetSettings {
  /** Channels of the result. */
  readonly channels: number;
  /** Downsampling factor after each level, along z. Ignored in 2D. */
  readonly zDown: readonly number[];
}

const ALPHA = 1.67;
const LEVELS = 4;
const filtersAt = (level: number) => 32 * 2 ** level;

/** A convolution and its batch normalization. */
function convNorm(scope: Scope, x: tf.Tensor, filters: number, size: number): tf.Tensor {
  const kernel = spaceOf(x).map(() => size);
  return batchNorm(scope.at("batchnorm"), conv(scope.at("conv1"), x, { filters, kernel, start: "pytorch" }));
}

/** MultiRes block: three 3 x 3 convolutions in a row have the receptive fields of 3 x 3, 5 x 5 and 7 x 7; all three are concatenated. */
function multiResBlock(scope: Scope, x: tf.Tensor, filters: number): tf.Tensor {
  const channels = (share: number) => Math.trunc(filters * ALPHA * share);
  const [three, five, seven] = [channels(0.167), channels(0.333), channels(0.5)];
  const around = convNorm(scope.at("shortcut"), x, three + five + seven, 1);
  const a = convNorm(scope.at("conv_3x3"), x, three, 3).relu();
  const b = convNorm(scope.at("conv_5x5"), a, five, 3).relu();
  const c = convNorm(scope.at("conv_7x7"), b, seven, 3).relu();
  const joined = batchNorm(scope.at("batch_norm1"), tf.concat([a, b, c], -1));
  return batchNorm(scope.at("batch_norm2"), joined.add(around)).relu();
}

/** Res path: residual convolutions in a skip connection. Each batch normalization is used twice, as in BiaPy. */
function residualPath(scope: Scope, input: tf.Tensor, filters: number, length: number): tf.Tensor {
  let x = input;
  for (let step = 0; step < length; step++) {
    const around = convNorm(scope.at(`shortcuts.${step}`), x, filters, 1);
    const norm = scope.at(`bns.${step}`);
    const y = batchNorm(norm, convNorm(scope.at(`convs.${step}`), x, filters, 3).relu()).relu();
    x = batchNorm(norm, y.add(around)).relu();
  }
  return x;
}

/** @param images `[batch, (z,) y, x, channel]` */
export function multiResUNet(
  scope: Scope,
  images: tf.Tensor,
  { channels, zDown }: MultiResUNetSettings,
): tf.Tensor {
  const factors = (level: number) => (spaceOf(images).length === 3 ? [at(zDown, level), 2, 2] : [2, 2]);
  let x = images;
  const bridges: tf.Tensor[] = [];
  for (let level = 0; level < LEVELS; level++) {
    const block = multiResBlock(scope.at(`multiresblock${level + 1}`), x, filtersAt(level));
    x = maxPool(block, factors(level));
    bridges.push(residualPath(scope.at(`respath${level + 1}`), block, filtersAt(level), LEVELS - level));
  }
  x = multiResBlock(scope.at(`multiresblock${LEVELS + 1}`), x, filtersAt(LEVELS));
  scope.mark(FEATURES, x);
  for (let level = LEVELS - 1; level >= 0; level--) {
    const number = 2 * LEVELS + 1 - level;
    const filters = filtersAt(level);
    const up = convTranspose(scope.at(`upsample${number}`), x, { filters, factors: factors(level) });
    x = multiResBlock(scope.at(`multiresblock${number}`), tf.concat([up, at(bridges, level)], -1), filters);
  }
  return head(scope, x, channels, "pytorch");
}
