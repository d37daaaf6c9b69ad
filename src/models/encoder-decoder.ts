/** The U shape of encoder-decoder networks (Ronneberger, Fischer & Brox 2015, figure 1), with skip connections at each level. */
import type { Activation } from "../facts/architectures.ts";
import { at } from "../facts/checked-lists.ts";
import { spaceOf } from "../runtime/image-shape.ts";
import { maxPool } from "../runtime/pooling.ts";
import { FEATURES, type Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { type BlockSettings, convBlock, type Upsampling } from "./blocks.ts";
import { conv } from "./layers.ts";
import type { Normalization } from "./normalization-layers.ts";

export interface EncoderDecoderSettings {
  /** Channels of the result. */
  readonly channels: number;
  /** Channels at each level, the bottleneck last. */
  readonly featureMaps: readonly number[];
  /** Dropout rate at each level. */
  readonly dropout: readonly number[];
  /** Number of convolutions at each level. */
  readonly convolutions: readonly number[];
  readonly normalization: Normalization;
  readonly activation: Activation;
  readonly kernel: number;
  readonly upsampling: Upsampling["kind"];
  /** Downsampling factor after each level, along y and x. */
  readonly yxDown: readonly number[];
  /** Downsampling factor after each level, along z. Ignored in 2D. */
  readonly zDown: readonly number[];
  /** Whether a level's kernels extend along z. Ignored in 2D. */
  readonly isotropy: readonly boolean[];
  readonly order: BlockSettings["order"];
  /** Whether a convolution with a larger kernel is added at both ends. */
  readonly largerEnds: boolean;
}

/** The blocks of a network. Levels count from 0, at full size. */
export interface Levels {
  /** The encoder's block of a level. */
  down(scope: Scope, x: tf.Tensor, level: number): tf.Tensor;
  /**
   * The decoder's block of a level.
   *
   * @param x output of the level below
   * @param bridge the encoder's output of this level
   */
  up(scope: Scope, x: tf.Tensor, bridge: tf.Tensor, level: number): tf.Tensor;
}

/** Returns a kernel of `size` pixels, with depth 1 at levels that are not isotropic. */
function kernelAt(
  settings: EncoderDecoderSettings,
  level: number,
  ndim: number,
  size = settings.kernel,
): number[] {
  const flat = ndim === 3 && !settings.isotropy.at(level);
  return Array.from({ length: ndim }, (_, axis) => (flat && axis === 0 ? 1 : size));
}

/** Returns the downsampling factor after a level along each axis. */
export function shrinking(
  { yxDown, zDown }: Pick<EncoderDecoderSettings, "yxDown" | "zDown">,
  level: number,
  ndim: number,
): number[] {
  const yx = at(yxDown, level);
  return ndim === 3 ? [at(zDown, level), yx, yx] : [yx, yx];
}

/** Returns the settings of a level's convolutions. */
export function blockAt(settings: EncoderDecoderSettings, level: number, ndim: number): BlockSettings {
  return {
    filters: at(settings.featureMaps, level),
    kernel: kernelAt(settings, level, ndim),
    activation: settings.activation,
    normalization: settings.normalization,
    dropout: settings.dropout[level] ?? 0,
    order: settings.order,
  };
}

/** The convolution with a larger kernel at either end of a network. */
export function end(scope: Scope, x: tf.Tensor, settings: EncoderDecoderSettings): tf.Tensor {
  const ndim = spaceOf(x).length;
  const block = blockAt(settings, 0, ndim);
  const kernel = kernelAt(settings, 0, ndim, settings.kernel + 2);
  return convBlock(scope, x, { ...block, kernel, dropout: 0 }, 1);
}

/** The last layer: a 1 x 1 convolution from features to the channels of the result. */
export function head(scope: Scope, x: tf.Tensor, channels: number, start?: "pytorch"): tf.Tensor {
  return conv(scope.at("heads.0"), x, { filters: channels, kernel: spaceOf(x).map(() => 1), start });
}

/** @param images `[batch, (z,) y, x, channel]` */
export function encoderDecoder(
  scope: Scope,
  images: tf.Tensor,
  settings: EncoderDecoderSettings,
  levels: Levels,
): tf.Tensor {
  const depth = settings.featureMaps.length - 1;
  const ndim = spaceOf(images).length;
  let x = settings.largerEnds ? end(scope.at("conv_in"), images, settings) : images;
  const bridges: tf.Tensor[] = [];
  for (let level = 0; level < depth; level++) {
    x = levels.down(scope.at(`down_path.${level}`), x, level);
    bridges.push(x);
    x = maxPool(x, shrinking(settings, level, ndim));
  }
  x = levels.down(scope.at("bottleneck"), x, depth);
  scope.mark(FEATURES, x);
  for (const [level, bridge] of [...bridges.entries()].reverse())
    x = levels.up(scope.at(`up_paths.0.${depth - 1 - level}`), x, bridge, level);
  if (settings.largerEnds) x = end(scope.at("conv_out.0"), x, settings);
  return head(scope, x, settings.channels);
}
