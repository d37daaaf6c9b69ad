/** The blocks that encoder-decoder networks are built of. */
import { channelsOf } from "../runtime/image-shape.ts";
import type { Scope } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";
import {
  type Activation,
  activate,
  conv,
  convTranspose,
  dropout,
  type Normalization,
  normalize,
  Sequence,
  squeezeExcitation,
  upsample,
} from "./layers.ts";

export interface BlockSettings {
  readonly filters: number;
  readonly kernel: readonly number[];
  /** Absent, nothing follows the convolution. */
  readonly activation?: Activation;
  readonly normalization: Normalization;
  readonly dropout: number;
  /** What comes first. */
  readonly order: "conv_norm_act" | "norm_act_conv";
  /** Weighs channels after each convolution. */
  readonly squeeze?: boolean;
}

/** The next layers of a sequence: normalization and activation, as far as there are any. */
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

/** As many convolutions one after the other as `count` says: U-Net's block. */
export function convBlock(scope: Scope, x: tf.Tensor, settings: BlockSettings, count: number): tf.Tensor {
  if (count === 1) return convUnit(scope, x, settings);
  const units = new Sequence(scope.at("block"));
  let y = x;
  for (let unit = 0; unit < count; unit++) y = convUnit(units.next(), y, settings);
  return y;
}

export interface ResidualSettings extends BlockSettings {
  readonly shortcutKernel: readonly number[];
  readonly shortcutNormalization: Normalization;
  /** The first block of a network has no normalization and activation before its convolutions. */
  readonly first: boolean;
  /** A convolution before the block makes its shortcut an identity. */
  readonly before: boolean;
}

/** Full pre-activation residual block (Zhang, Liu & Wang 2018; He et al. 2016): convolutions, and a way around them. */
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
  // The last of several convolutions is bare, unless activations come first.
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

/** How a decoder enlarges. */
export interface Upsampling {
  readonly kind: "convtranspose" | "upsampling";
  readonly factors: readonly number[];
}

/** U-Net's way up: enlarge, join with what the encoder saw, convolve. */
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
  const seen = gate ? attentionGate(scope.at("attention_gate"), up, bridge, normalization) : bridge;
  return convBlock(scope.at("conv_block"), tf.concat([up, seen], -1), settings, count);
}

/** Residual U-Net's way up. */
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

/** Attention gate (Oktay et al. 2018, figure 2): the decoder's signal `g` picks where the encoder's `x` counts. */
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
