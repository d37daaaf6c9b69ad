/**
 * HRNet (Wang et al. 2020, "Deep high-resolution representation learning for visual recognition", figure 2): parallel branches of
 * several resolutions that repeatedly exchange features, so that the finest resolution is kept throughout.
 */
import type { Activation } from "../facts/architectures.ts";
import { at, lastOf, zip } from "../facts/checked-lists.ts";
import { channelsOf, spaceOf } from "../runtime/image-shape.ts";
import { FEATURES, type Scope } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";
import { activate, type ConvolutionSettings, conv } from "./layers.ts";
import { type Normalization, normalize } from "./normalization-layers.ts";
import { resizeByCorners, upsample } from "./resampling.ts";
import { Sequence } from "./sequence.ts";

export interface HrNetSettings {
  /** Channels of the result. */
  readonly channels: number;
  readonly normalization: Normalization;
  readonly activation: Activation;
  /** Each stage has at least as many branches as the one before. */
  readonly stages: readonly HrNetStage[];
}

/** Modules with the same number of branches. */
export interface HrNetStage {
  /** Downsampling factor of each new branch along each axis. The stem downsamples twice by the factors of stage 0. */
  readonly down: readonly number[];
  /** Number of modules in a row. Branches exchange features at the end of each. */
  readonly modules: number;
  /** Channels of each branch, the finest first. */
  readonly channels: readonly number[];
  /** Number of residual blocks of each branch in a module. */
  readonly blocks: readonly number[];
}

const STEM = 64;
const BOTTLENECKS = 4;
const EXPANSION = 4;

/** A convolution without bias, with normalization and optional activation. */
type Unit = (scope: Scope, x: tf.Tensor, settings: UnitSettings) => tf.Tensor;
type UnitSettings = Pick<ConvolutionSettings, "filters" | "stride"> & {
  readonly size: 1 | 3;
  readonly activation?: Activation;
};

const unitOf =
  (normalization: Normalization): Unit =>
  (scope, x, { filters, size, stride, activation }) => {
    const kernel = spaceOf(x).map(() => size);
    const layers = new Sequence(scope.at("block"));
    const padding = kernel.map(() => (size - 1) / 2);
    const y = conv(layers.next(), x, { filters, kernel, stride, padding, bias: false, start: "pytorch" });
    const normalized = normalize(layers, y, normalization);
    return activation === undefined ? normalized : activate(normalized, activation);
  };

/** ResNet's bottleneck (He et al. 2016), without activations between its convolutions. */
function bottleneck(scope: Scope, x: tf.Tensor, unit: Unit, normalization: Normalization): tf.Tensor {
  const wide = STEM * EXPANSION;
  let y = unit(scope.at("conv1_block"), x, { filters: STEM, size: 1 });
  y = unit(scope.at("conv2_block"), y, { filters: STEM, size: 3 });
  y = unit(scope.at("conv3_block"), y, { filters: wide, size: 1 });
  if (channelsOf(x) === wide) return y.add(x).relu();
  const layers = new Sequence(scope.at("downsample"));
  const pixel = spaceOf(x).map(() => 1);
  const around = conv(layers.next(), x, { filters: wide, kernel: pixel, bias: false, start: "pytorch" });
  return y.add(normalize(layers, around, normalization)).relu();
}

/** ResNet's basic block, without an activation between its convolutions. */
function basicBlock(scope: Scope, x: tf.Tensor, unit: Unit): tf.Tensor {
  const filters = channelsOf(x);
  const first = unit(scope.at("conv1_block"), x, { filters, size: 3 });
  return unit(scope.at("conv2_block"), first, { filters, size: 3 }).add(x).relu();
}

/**
 * Returns the branches of a stage. A new branch is a downsampled version of the last given one.
 *
 * @param given branches of the stage before
 */
function transition(
  scope: Scope,
  given: readonly tf.Tensor[],
  { channels, down }: HrNetStage,
  unit: Unit,
  activation: Activation,
): tf.Tensor[] {
  return channels.map((filters, branch) => {
    const layers = scope.at(String(branch));
    const known = given[branch];
    if (known !== undefined)
      return channelsOf(known) === filters ? known : unit(layers, known, { filters, size: 3, activation });
    let x = lastOf(given);
    const steps = branch - given.length + 1;
    for (let step = 0; step < steps; step++) {
      const wide = step === steps - 1 ? filters : channelsOf(x);
      x = unit(layers.at(String(step)), x, { filters: wide, size: 3, stride: down, activation });
    }
    return x;
  });
}

/** Returns the strides of convolutions that together downsample by `factors`, a power of 2 along each axis. */
function stridesFor(factors: readonly number[]): number[][] {
  const count = Math.max(1, Math.ceil(Math.log2(Math.max(...factors))));
  return Array.from({ length: count }, (_, step) => factors.map((factor) => (factor > 2 ** step ? 2 : 1)));
}

/**
 * Returns a branch at the resolution and with the channels of another.
 *
 * @param factors downsampling factors; undefined where `to` is finer
 */
function exchanged(
  scope: Scope,
  x: tf.Tensor,
  to: tf.Tensor,
  factors: readonly number[] | undefined,
  unit: Unit,
  activation: Activation,
): tf.Tensor {
  const filters = channelsOf(to);
  if (factors === undefined) return resizeByCorners(unit(scope, x, { filters, size: 1 }), spaceOf(to));
  const strides = stridesFor(factors);
  return strides.reduce((y, stride, step) => {
    const last = step === strides.length - 1;
    const wide = last ? filters : channelsOf(x);
    const settings = { filters: wide, size: 3, stride, activation: last ? undefined : activation } as const;
    return unit(scope.at(String(step)), y, settings);
  }, x);
}

/**
 * A module: residual blocks in each branch, then every branch becomes the sum of all.
 *
 * @param sizes downsampling factors of each branch, relative to the image
 */
function exchangeModule(
  scope: Scope,
  given: readonly tf.Tensor[],
  { blocks }: HrNetStage,
  sizes: readonly (readonly number[])[],
  unit: Unit,
  activation: Activation,
): tf.Tensor[] {
  const branches = given.map((x, branch) => {
    const layers = scope.at(`branches.${branch}`);
    let y = x;
    for (let block = 0; block < at(blocks, branch); block++)
      y = basicBlock(layers.at(String(block)), y, unit);
    return y;
  });
  if (branches.length === 1) return branches;
  return branches.map((to, index) => {
    const parts = branches.map((from, other) => {
      if (other === index) return from;
      const ratios = zip(at(sizes, index), at(sizes, other)).map(([coarse, fine]) => coarse / fine);
      const factors = other < index ? ratios : undefined;
      return exchanged(scope.at(`fuse_layers.${index}.${other}`), from, to, factors, unit, activation);
    });
    return activate(
      parts.reduce((sum, each) => sum.add(each)),
      activation,
    );
  });
}

/** @param images `[batch, (z,) y, x, channel]` */
export function hrNet(scope: Scope, images: tf.Tensor, settings: HrNetSettings): tf.Tensor {
  const { normalization, activation, stages, channels } = settings;
  const unit = unitOf(normalization);
  const stride = at(stages, 0).down;
  let x = unit(scope.at("conv1_block"), images, { filters: STEM, size: 3, stride });
  x = unit(scope.at("conv2_block"), x, { filters: STEM, size: 3, stride, activation });
  for (let place = 0; place < BOTTLENECKS; place++)
    x = bottleneck(scope.at(`layer1.${place}`), x, unit, normalization);

  let branches = [x];
  // Downsampling factors of each branch, relative to the image.
  const stemSize = stride.map((each) => each ** 2);
  const sizes = [stemSize];
  for (const [index, stage] of stages.entries()) {
    branches = transition(scope.at(`transitions.${index}`), branches, stage, unit, activation);
    while (sizes.length < branches.length)
      sizes.push(zip(lastOf(sizes), stage.down).map(([size, factor]) => size * factor));
    for (let module = 0; module < stage.modules; module++) {
      const layers = scope.at(`stages.${index}.${module}`);
      branches = exchangeModule(layers, branches, stage, sizes, unit, activation);
    }
  }
  const finest = spaceOf(at(branches, 0));
  const features = tf.concat(
    branches.map((branch) => resizeByCorners(branch, finest)),
    -1,
  );
  scope.mark(FEATURES, features);
  const kernel = finest.map(() => 1);
  const small = conv(scope.at("heads.0"), features, { filters: channels, kernel, start: "pytorch" });
  return upsample(small, stemSize);
}
