/** U-NeXt: a U-Net of ConvNeXt blocks, which sees the image in small patches and shrinks by convolutions (BiaPy's own design). */
import { spaceOf } from "../runtime/image-shape.ts";
import { FEATURES, type Scope } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";
import type { Upsampling } from "./blocks.ts";
import type { ConvNextBlock } from "./convnext.ts";
import { head } from "./encoder-decoder.ts";
import { conv, convTranspose, Sequence, upsample } from "./layers.ts";
import { layerNorm } from "./transformer.ts";

export interface UNextSettings {
  /** Channels of the image that is made. */
  readonly channels: number;
  /** Channels at each level, the lowest last. */
  readonly featureMaps: readonly number[];
  /** Blocks at each level. */
  readonly blocks: readonly number[];
  readonly upsampling: Upsampling["kind"];
  /** How many times smaller each level is than the one above. */
  readonly yxDown: readonly number[];
  readonly zDown: readonly number[];
  /** Whether a level's kernels reach along z; in 3D only. */
  readonly isotropy: readonly boolean[];
  /** Side of the patches that the image is first cut into. */
  readonly stem: number;
  /** Probability that the last encoder block is skipped in training; the first never is. */
  readonly stochasticDepth: number;
  readonly layerScale: number;
}

const EPSILON = 1e-5;
const KERNEL = 7;

/** How many times smaller the stem makes an image along each axis. */
export function stemFactors(
  { stem, zDown }: Pick<UNextSettings, "stem" | "zDown">,
  axes: number,
): readonly number[] {
  return axes === 3 ? [stem * Math.max(Math.trunc(zDown[0] / stem), 1), stem, stem] : [stem, stem];
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
  const factors = (level: number) =>
    axes === 3 ? [zDown[level], yxDown[level], yxDown[level]] : [yxDown[level], yxDown[level]];
  // From the first level on that is flat in z, all that follow are.
  const kernelAfter = (level: number) => {
    const flat = axes === 3 && isotropy.slice(0, level + 1).some((each) => !each);
    return Array.from({ length: axes }, (_, axis) => (flat && axis === 0 ? 1 : KERNEL));
  };
  // Blocks are skipped the more often the deeper they lie (Huang et al. 2016).
  const before = (level: number) => blocks.slice(0, level).reduce((sum, each) => sum + each, 0);
  const skipped = (level: number, place: number) =>
    (settings.stochasticDepth * (before(level) + place)) / Math.max(before(depth + 1) - 1, 1);

  const encode = (at: Scope, x: tf.Tensor, level: number): tf.Tensor => {
    const kernel = kernelAfter(level);
    return Array.from({ length: blocks[level] }, (_, place) => place).reduce(
      (y, place) => block(at.at(String(place)), y, { kernel, layerScale, skipped: skipped(level, place) }),
      x,
    );
  };
  const decode = (at: Scope, x: tf.Tensor, bridge: tf.Tensor, level: number): tf.Tensor => {
    const filters = featureMaps[level];
    const up = enlarge(at.at("up"), x, filters, factors(level), settings.upsampling);
    const pixel = factors(level).map(() => 1);
    const joined = conv(at.at("conv_block.block.0"), tf.concat([up, bridge], -1), { filters, kernel: pixel });
    const kernel = kernelAfter(depth);
    return Array.from({ length: blocks[level] }, (_, place) => place).reduce(
      (y, place) =>
        block(at.at(`cn_block.${place}`), y, {
          kernel,
          layerScale,
          skipped: skipped(level, blocks[level] - 1 - place),
        }),
      joined,
    );
  };

  let x = shrink(scope.at("down_path.0"), images, featureMaps[0], first);
  const seen: tf.Tensor[] = [];
  for (let level = 0; level < depth; level++) {
    x = encode(scope.at(`down_path.${level + 1}`), x, level);
    seen.push(x);
    x = normalizeAndShrink(scope.at(`downsample_layers.${level}`), x, featureMaps[level + 1], factors(level));
  }
  x = encode(scope.at("bottleneck"), x, depth);
  scope.mark(FEATURES, x);
  for (let level = depth - 1; level >= 0; level--)
    x = decode(scope.at(`up_paths.0.${depth - 1 - level}`), x, seen[level], level);
  const last = scope.at(`up_paths.0.${depth}`);
  x = convTranspose(last.at("0"), x, { filters: featureMaps[0], factors: first });
  return head(scope, layerNorm(last.at("2"), x, EPSILON), settings.channels);
}

/** A convolution whose windows lie side by side. */
const windows = (scope: Scope, x: tf.Tensor, filters: number, factors: readonly number[]) =>
  conv(scope, x, { filters, kernel: factors, stride: factors, padding: factors.map(() => 0) });

/** The stem: the image in patches. */
function shrink(scope: Scope, x: tf.Tensor, filters: number, factors: readonly number[]): tf.Tensor {
  return layerNorm(scope.at("2"), windows(scope.at("0"), x, filters, factors), EPSILON);
}

function normalizeAndShrink(
  scope: Scope,
  x: tf.Tensor,
  filters: number,
  factors: readonly number[],
): tf.Tensor {
  return windows(scope.at("3"), layerNorm(scope.at("1"), x, EPSILON), filters, factors);
}

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
