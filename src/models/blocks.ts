/** The blocks of encoder-decoder networks. Images are `[batch, (z,) y, x, channel]`. */
import type { Activation } from "../facts/architectures.ts";
import { channelsOf } from "../runtime/image-shape.ts";
import type { Scope } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";
import { activate, conv, convTranspose, dropout, squeezeExcitation } from "./layers.ts";
import { type Normalization, normalize } from "./normalization-layers.ts";
import { upsample } from "./resampling.ts";
import { Sequence } from "./sequence.ts";

/** Settings of a block's convolutions. */
export interface BlockSettings {
  readonly filters: number;
  readonly kernel: readonly number[];
  /** Absent: no activation. */
  readonly activation?: Activation;
  readonly normalization: Normalization;
  /** Dropout rate; 0 for none. */
  readonly dropout: number;
  /** Order of convolution, normalization and activation. */
  readonly order: "conv_norm_act" | "norm_act_conv";
  /** Whether squeeze and excitation follows each convolution. Defaults to false. */
  readonly squeeze?: boolean;
}

/** Applies normalization and activation, if any, as the next layers of a sequence. */
function normalizeAndActivate(
  layers: Sequence,
  x: tf.Tensor,
  { normalization, activation }: BlockSettings,
): tf.Tensor {
  const normalized = normalize(layers, x, normalization);
  if (activation === undefined) return normalized;
  layers.next();
  return activate(normalized, activation);
}

/** A convolution with its normalization, activation and dropout. */
function convUnit(scope: Scope, input: tf.Tensor, settings: BlockSettings): tf.Tensor {
  const { filters, kernel, order, squeeze } = settings;
  const layers = new Sequence(scope.at("block"));
  let x = input;
  if (order === "norm_act_conv") x = normalizeAndActivate(layers, x, settings);
  x = conv(layers.next(), x, { filters, kernel });
  if (order === "conv_norm_act") x = normalizeAndActivate(layers, x, settings);
  if (settings.dropout > 0) x = dropout(layers.next(), x, settings.dropout);
  return squeeze ? squeezeExcitation(layers.next(), x) : x;
}

/** U-Net's block: `count` convolutions in a row. */
export function convBlock(scope: Scope, x: tf.Tensor, settings: BlockSettings, count: number): tf.Tensor {
  if (count === 1) return convUnit(scope, x, settings);
  const units = new Sequence(scope.at("block"));
  let y = x;
  for (let unit = 0; unit < count; unit++) y = convUnit(units.next(), y, settings);
  return y;
}

/** Settings of a residual block's convolutions and shortcut. */
export interface ResidualSettings extends BlockSettings {
  readonly shortcutKernel: readonly number[];
  readonly shortcutNormalization: Normalization;
  /** Whether this is the network's first block, which has no normalization and activation before its convolutions. */
  readonly first: boolean;
  /** Whether a convolution precedes the block. Its shortcut then is an identity. */
  readonly before: boolean;
}

/** Full pre-activation residual block (Zhang, Liu & Wang 2018; He et al. 2016): convolutions with a shortcut. */
export function residualBlock(
  scope: Scope,
  input: tf.Tensor,
  settings: ResidualSettings,
  count: number,
): tf.Tensor {
  const { filters, order, first, before } = settings;
  const unit: BlockSettings = { ...settings, squeeze: false };
  const preActivation = order === "norm_act_conv";
  const opening = (layers: Sequence, x: tf.Tensor) =>
    first || preActivation ? x : normalizeAndActivate(layers, x, settings);
  let x = input;
  if (before) {
    const layers = new Sequence(scope.at("pre_conv"));
    x = opening(layers, x);
    x = convUnit(layers.next(), x, unit);
  }
  const layers = new Sequence(scope.at("block"));
  let y = before ? x : opening(layers, x);
  // In conv_norm_act order, the last of several convolutions has no normalization, activation and dropout.
  const bare: BlockSettings = { ...unit, activation: undefined, normalization: "none", dropout: 0 };
  for (let each = 0; each < Math.max(count, 1); each++) {
    const last = each > 0 && each === count - 1;
    y = convUnit(layers.next(), y, last && !preActivation ? bare : unit);
  }
  const around = before ? x : shortcut(scope.at("shortcut"), x, settings, filters);
  const sum = y.add(around);
  return settings.squeeze ? squeezeExcitation(scope.at("se_block"), sum) : sum;
}

function shortcut(
  scope: Scope,
  x: tf.Tensor,
  { shortcutKernel, shortcutNormalization }: ResidualSettings,
  filters: number,
): tf.Tensor {
  const layers = new Sequence(scope);
  const y = conv(layers.next(), x, { filters, kernel: shortcutKernel });
  return normalize(layers, y, shortcutNormalization);
}

/** Values of MODEL.UPSAMPLE_LAYER: a transposed convolution, or interpolation and a 1 x 1 convolution. */
export const UPSAMPLINGS = ["convtranspose", "upsampling"] as const;

/** How a decoder upsamples. */
export interface Upsampling {
  readonly kind: (typeof UPSAMPLINGS)[number];
  readonly factors: readonly number[];
}

/**
 * U-Net's decoder block: upsamples, concatenates the encoder's features, convolves.
 *
 * @param bridge the encoder's features at this level
 * @param count number of convolutions
 * @param gate whether an attention gate filters the bridge
 */
export function upBlock(
  scope: Scope,
  x: tf.Tensor,
  bridge: tf.Tensor,
  settings: BlockSettings,
  { kind, factors }: Upsampling,
  count: number,
  gate: boolean,
): tf.Tensor {
  const { filters, activation, normalization } = settings;
  const layers = new Sequence(scope.at("up"));
  let up: tf.Tensor;
  if (kind === "convtranspose") up = convTranspose(layers.next(), x, { filters, factors });
  else {
    layers.next();
    up = conv(layers.next(), upsample(x, factors), { filters, kernel: factors.map(() => 1) });
  }
  up = normalize(layers, up, normalization);
  if (activation !== undefined) up = activate(up, activation);
  const filtered = gate ? attentionGate(scope.at("attention_gate"), up, bridge, normalization) : bridge;
  return convBlock(scope.at("conv_block"), tf.concat([up, filtered], -1), settings, count);
}

/** Residual U-Net's decoder block. */
export function residualUpBlock(
  scope: Scope,
  x: tf.Tensor,
  bridge: tf.Tensor,
  settings: ResidualSettings,
  { kind, factors }: Upsampling,
  count: number,
): tf.Tensor {
  const up =
    kind === "convtranspose"
      ? convTranspose(scope.at("up"), x, { filters: channelsOf(x), factors })
      : upsample(x, factors);
  return residualBlock(scope.at("conv_block"), tf.concat([up, bridge], -1), settings, count);
}

/** Attention gate (Oktay et al. 2018, figure 2): the decoder's signal `g` weights the pixels of the encoder's `x`. */
function attentionGate(scope: Scope, g: tf.Tensor, x: tf.Tensor, normalization: Normalization): tf.Tensor {
  const kernel = x.shape.slice(1, -1).map(() => 1);
  const branch = (name: string, input: tf.Tensor, filters: number, kind: Normalization) => {
    const layers = new Sequence(scope.at(name));
    const y = conv(layers.next(), input, { filters, kernel });
    return normalize(layers, y, kind);
  };
  const filters = Math.floor(channelsOf(g) / 2);
  const added = branch("w_g", g, filters, normalization).add(branch("w_x", x, filters, "none"));
  return x.mul(branch("psi", added.relu(), 1, normalization).sigmoid());
}
