/** ResUNet++ (Jha et al. 2019, figure 1): residual blocks, squeeze and excitation, dilated convolutions and attention. */
import { at } from "../facts/checked-lists.ts";
import { channelsOf, spaceOf } from "../runtime/image-shape.ts";
import { maxPool } from "../runtime/pooling.ts";
import { FEATURES, type Scope } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";
import { type ResidualSettings, residualBlock, residualUpBlock } from "./blocks.ts";
import { blockAt, type EncoderDecoderSettings, end, head, shrinking } from "./encoder-decoder.ts";
import { conv, squeezeExcitation } from "./layers.ts";
import { type Normalization, normalize } from "./normalization-layers.ts";
import { Sequence } from "./sequence.ts";

/** Dilations of the three convolutions of the pyramid. */
const RATES = [6, 12, 18];

/** Atrous spatial pyramid pooling (Chen et al. 2017): convolutions of three dilations side by side. */
function pyramid(scope: Scope, x: tf.Tensor, filters: number, normalization: Normalization): tf.Tensor {
  const ndim = spaceOf(x).length;
  const each = (size: number) => Array.from({ length: ndim }, () => size);
  const branches = RATES.map((rate, index) => {
    const layers = new Sequence(scope.at(`aspp_block${index + 1}`));
    const y = conv(layers.next(), x, { filters, kernel: each(3), dilation: each(rate) }).relu();
    layers.next();
    return normalize(layers, y, normalization);
  });
  return conv(scope.at("output"), tf.concat(branches, -1), { filters, kernel: each(1) });
}

/**
 * Weights the decoder's features by attention.
 *
 * @param encoder features of the encoder, `factors` times as large as `x`
 * @param x features of the decoder
 */
function attention(
  scope: Scope,
  encoder: tf.Tensor,
  x: tf.Tensor,
  factors: readonly number[],
  normalization: Normalization,
): tf.Tensor {
  const branch = (name: string, input: tf.Tensor, filters: number, size: number) => {
    const layers = new Sequence(scope.at(name));
    const y = normalize(layers, input, normalization);
    layers.next();
    return conv(layers.next(), y.relu(), { filters, kernel: factors.map(() => size) });
  };
  const filters = channelsOf(x);
  const pooled = maxPool(branch("conv_encoder", encoder, filters, 3), factors);
  const joined = pooled.add(branch("conv_decoder", x, filters, 3));
  return x.mul(branch("conv_attn", joined, 1, 1));
}

/** @param images `[batch, (z,) y, x, channel]` */
export function residualUNetPlusPlus(
  scope: Scope,
  images: tf.Tensor,
  settings: EncoderDecoderSettings,
): tf.Tensor {
  const { featureMaps, normalization, convolutions, upsampling: kind } = settings;
  const ndim = spaceOf(images).length;
  const depth = featureMaps.length - 2;
  const block = (level: number, kernelLevel: number, dropout: number, first: boolean): ResidualSettings => {
    const convolution = blockAt(settings, kernelLevel, ndim);
    return {
      ...convolution,
      filters: at(featureMaps, level),
      dropout: at(settings.dropout, dropout),
      shortcutKernel: convolution.kernel,
      shortcutNormalization: normalization,
      first,
      before: false,
    };
  };

  let x = settings.largerEnds ? end(scope.at("conv_in"), images, settings) : images;
  const bridges: tf.Tensor[] = [];
  for (let level = 0; level <= depth; level++) {
    const above = Math.max(level - 1, 0);
    const shaped = block(level, above, above, level === 0);
    x = residualBlock(scope.at(`down_path.${level}`), x, shaped, at(convolutions, level));
    if (level < depth) x = squeezeExcitation(scope.at(`sqex_blocks.${level}`), x);
    if (level > 0) x = maxPool(x, shrinking(settings, level, ndim));
    bridges.push(x);
  }
  x = pyramid(scope.at("aspp_bridge"), x, at(featureMaps, depth + 1), normalization);
  scope.mark(FEATURES, x);
  for (let level = depth - 1; level >= 0; level--) {
    const place = depth - 1 - level;
    const factors = shrinking(settings, level + 1, ndim);
    const bridge = at(bridges, level);
    x = attention(scope.at(`attentions.0.${place}`), bridge, x, factors, normalization);
    const shaped = block(level + 1, level, level + 2, false);
    const up = scope.at(`up_paths.0.${place}`);
    x = residualUpBlock(up, x, bridge, shaped, { kind, factors }, at(convolutions, level + 1));
  }
  x = pyramid(scope.at("aspp_out.0"), x, at(featureMaps, 0), normalization);
  if (settings.largerEnds) x = end(scope.at("conv_out.0"), x, settings);
  return head(scope, x, settings.channels);
}
