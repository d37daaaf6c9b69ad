/** The U shape (Ronneberger, Fischer & Brox 2015, figure 1): down to few large pixels, up again, joined level by level. */
import { spaceOf } from "../runtime/image-shape.ts";
import { maxPool } from "../runtime/pooling.ts";
import { FEATURES, type Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { type BlockSettings, convBlock, type Upsampling } from "./blocks.ts";
import { type Activation, conv, type Normalization } from "./layers.ts";

export interface EncoderDecoderSettings {
  /** Channels of the image, and of what is made of it. */
  readonly channels: number;
  /** Channels at each level, the lowest last. */
  readonly featureMaps: readonly number[];
  /** Share of values that each level drops in training. */
  readonly dropout: readonly number[];
  /** Convolutions at each level. */
  readonly convolutions: readonly number[];
  readonly normalization: Normalization;
  readonly activation: Activation;
  readonly kernel: number;
  readonly upsampling: Upsampling["kind"];
  /** How many times smaller each level is than the one above. */
  readonly yxDown: readonly number[];
  readonly zDown: readonly number[];
  /** Whether a level's kernels reach along z; without meaning in 2D. */
  readonly isotropy: readonly boolean[];
  readonly order: BlockSettings["order"];
  /** Further convolutions with larger kernels at both ends. */
  readonly largerEnds: boolean;
}

/** What a level looks like, and how the next one up is made of it. */
export interface Levels {
  down(scope: Scope, x: tf.Tensor, level: number): tf.Tensor;
  up(scope: Scope, x: tf.Tensor, bridge: tf.Tensor, level: number): tf.Tensor;
}

/** A kernel of `size` pixels, flat in z at levels that are not isotropic. */
function kernelAt(
  settings: EncoderDecoderSettings,
  level: number,
  ndim: number,
  size = settings.kernel,
): number[] {
  const flat = ndim === 3 && !settings.isotropy.at(level);
  return Array.from({ length: ndim }, (_, axis) => (flat && axis === 0 ? 1 : size));
}

/** How many times a level shrinks along each axis. */
export function shrinking({ yxDown, zDown }: EncoderDecoderSettings, level: number, ndim: number): number[] {
  return ndim === 3 ? [zDown[level], yxDown[level], yxDown[level]] : [yxDown[level], yxDown[level]];
}

/** The settings of a level's convolutions. */
export function blockAt(settings: EncoderDecoderSettings, level: number, ndim: number): BlockSettings {
  return {
    filters: settings.featureMaps.at(level) ?? 0,
    kernel: kernelAt(settings, level, ndim),
    activation: settings.activation,
    normalization: settings.normalization,
    dropout: settings.dropout.at(level) ?? 0,
    order: settings.order,
  };
}

/** A convolution with a larger kernel, at either end of the network. */
export function end(scope: Scope, x: tf.Tensor, settings: EncoderDecoderSettings): tf.Tensor {
  const ndim = spaceOf(x).length;
  const block = blockAt(settings, 0, ndim);
  const kernel = kernelAt(settings, 0, ndim, settings.kernel + 2);
  return convBlock(scope, x, { ...block, kernel, dropout: 0 }, 1);
}

/** One convolution of single pixels turns features into the image. */
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
  const seen: tf.Tensor[] = [];
  for (let level = 0; level < depth; level++) {
    x = levels.down(scope.at(`down_path.${level}`), x, level);
    seen.push(x);
    x = maxPool(x, shrinking(settings, level, ndim));
  }
  x = levels.down(scope.at("bottleneck"), x, depth);
  scope.mark(FEATURES, x);
  for (let level = depth - 1; level >= 0; level--)
    x = levels.up(scope.at(`up_paths.0.${depth - 1 - level}`), x, seen[level], level);
  if (settings.largerEnds) x = end(scope.at("conv_out.0"), x, settings);
  return head(scope, x, settings.channels);
}
