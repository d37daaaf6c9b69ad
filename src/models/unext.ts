/** U-NeXt, BiaPy's own design: a U-Net of ConvNeXt blocks with a patch-wise stem, downsampled by convolutions. */
import { at } from "../facts/checked-lists.ts";
import { spaceOf } from "../runtime/image-shape.ts";
import { FEATURES, type Scope } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";
import type { Upsampling } from "./blocks.ts";
import type { ConvNextBlock } from "./convnext.ts";
import { head, shrinking } from "./encoder-decoder.ts";
import { conv, convTranspose } from "./layers.ts";
import { upsample } from "./resampling.ts";
import { Sequence } from "./sequence.ts";
import { layerNorm } from "./transformer.ts";

export interface UNextSettings {
  /** Channels of the result. */
  readonly channels: number;
  /** Channels at each level, the bottleneck last. */
  readonly featureMaps: readonly number[];
  /** Number of blocks at each level. */
  readonly blocks: readonly number[];
  readonly upsampling: Upsampling["kind"];
  /** Downsampling factor after each level, along y and x. */
  readonly yxDown: readonly number[];
  /** Downsampling factor after each level, along z. Ignored in 2D. */
  readonly zDown: readonly number[];
  /** Whether a level's kernels extend along z. Ignored in 2D. */
  readonly isotropy: readonly boolean[];
  /** Side of the stem's patches, in pixels. */
  readonly stem: number;
  /** Probability that a sample skips the last encoder block in training. It rises linearly from 0 at the first. */
  readonly stochasticDepth: number;
  /** See `ConvNextSettings`. */
  readonly layerScale: number;
}

const EPSILON = 1e-5;
const KERNEL = 7;

/** Returns the stem's downsampling factor along each axis. */
function stemFactors(
  { stem, zDown }: Pick<UNextSettings, "stem" | "zDown">,
  axes: number,
): readonly number[] {
  return axes === 3 ? [stem * Math.max(Math.trunc(at(zDown, 0) / stem), 1), stem, stem] : [stem, stem];
}

/** @param images `[batch, (z,) y, x, channel]` */
export function unext(
  scope: Scope,
  images: tf.Tensor,
  settings: UNextSettings,
  block: ConvNextBlock,
): tf.Tensor {
  const { featureMaps, blocks, yxDown, zDown, isotropy, layerScale } = settings;
  const axes = spaceOf(images).length;
  const depth = featureMaps.length - 1;
  const first = stemFactors(settings, axes);
  const factors = (level: number) => shrinking({ yxDown, zDown }, level, axes);
  // Kernels of all levels after the first with depth 1 have depth 1 too.
  const kernelAfter = (level: number) => {
    const flat = axes === 3 && isotropy.slice(0, level + 1).some((each) => !each);
    return Array.from({ length: axes }, (_, axis) => (flat && axis === 0 ? 1 : KERNEL));
  };
  // The probability to skip a block rises with its depth (Huang et al. 2016).
  const before = (level: number) => blocks.slice(0, level).reduce((sum, each) => sum + each, 0);
  const skipped = (level: number, place: number) =>
    (settings.stochasticDepth * (before(level) + place)) / Math.max(before(depth + 1) - 1, 1);

  const encode = (layers: Scope, x: tf.Tensor, level: number): tf.Tensor => {
    const kernel = kernelAfter(level);
    let y = x;
    for (let place = 0; place < at(blocks, level); place++)
      y = block(layers.at(String(place)), y, { kernel, layerScale, skipped: skipped(level, place) });
    return y;
  };
  const decode = (layers: Scope, x: tf.Tensor, bridge: tf.Tensor, level: number): tf.Tensor => {
    const [filters, count] = [at(featureMaps, level), at(blocks, level)];
    const up = enlarge(layers.at("up"), x, filters, factors(level), settings.upsampling);
    const pixel = factors(level).map(() => 1);
    const joint = layers.at("conv_block.block.0");
    let y = conv(joint, tf.concat([up, bridge], -1), { filters, kernel: pixel });
    const kernel = kernelAfter(depth);
    for (let place = 0; place < count; place++) {
      const blockSettings = { kernel, layerScale, skipped: skipped(level, count - 1 - place) };
      y = block(layers.at(`cn_block.${place}`), y, blockSettings);
    }
    return y;
  };

  let x = shrink(scope.at("down_path.0"), images, at(featureMaps, 0), first);
  const bridges: tf.Tensor[] = [];
  for (let level = 0; level < depth; level++) {
    x = encode(scope.at(`down_path.${level + 1}`), x, level);
    bridges.push(x);
    const next = at(featureMaps, level + 1);
    x = normalizeAndShrink(scope.at(`downsample_layers.${level}`), x, next, factors(level));
  }
  x = encode(scope.at("bottleneck"), x, depth);
  scope.mark(FEATURES, x);
  for (const [level, bridge] of [...bridges.entries()].reverse())
    x = decode(scope.at(`up_paths.0.${depth - 1 - level}`), x, bridge, level);
  const last = scope.at(`up_paths.0.${depth}`);
  x = convTranspose(last.at("0"), x, { filters: at(featureMaps, 0), factors: first });
  return head(scope, layerNorm(last.at("2"), x, EPSILON), settings.channels);
}

/** A convolution whose windows do not overlap. */
const windows = (scope: Scope, x: tf.Tensor, filters: number, factors: readonly number[]) =>
  conv(scope, x, { filters, kernel: factors, stride: factors, padding: factors.map(() => 0) });

/** The stem: a convolution of patches, and layer normalization. */
function shrink(scope: Scope, x: tf.Tensor, filters: number, factors: readonly number[]): tf.Tensor {
  return layerNorm(scope.at("2"), windows(scope.at("0"), x, filters, factors), EPSILON);
}

/** Downsampling between levels. */
function normalizeAndShrink(
  scope: Scope,
  x: tf.Tensor,
  filters: number,
  factors: readonly number[],
): tf.Tensor {
  return windows(scope.at("3"), layerNorm(scope.at("1"), x, EPSILON), filters, factors);
}

/** Upsampling between levels. */
function enlarge(
  scope: Scope,
  x: tf.Tensor,
  filters: number,
  factors: readonly number[],
  kind: Upsampling["kind"],
): tf.Tensor {
  const layers = new Sequence(scope);
  const normalized = layerNorm(layers.next().at("1"), x, EPSILON);
  if (kind === "convtranspose") return convTranspose(layers.next(), normalized, { filters, factors });
  layers.next();
  return conv(layers.next(), upsample(normalized, factors), { filters, kernel: factors.map(() => 1) });
}
