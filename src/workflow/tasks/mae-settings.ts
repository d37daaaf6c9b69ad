/** A configuration's settings of a masked autoencoder. */

import { channelsOf, ndimOf } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import { MASK_TYPES, type TokenMaskSettings } from "../../data/token-mask.ts";
import { lastOf } from "../../facts/checked-lists.ts";
import type { BuildArguments } from "../../models/build-arguments.ts";
import { type MaeSettings, tokenGrid } from "../../models/mae.ts";

/** BiaPy 3.7.1 builds masked autoencoders with it, whatever MODEL.VIT_NORM_EPS says. */
const EPSILON = 1e-6;

/** Returns a configuration's model. */
export function maeSettings(config: Config, normalizePixels: boolean): MaeSettings {
  const ratio = config.number("MODEL.VIT_MLP_RATIO");
  const features = config.number("MODEL.VIT_EMBED_DIM");
  const decoderFeatures = config.number("MODEL.MAE_DEC_HIDDEN_SIZE");
  return {
    patchSize: config.numbers("DATA.PATCH_SIZE").slice(0, ndimOf(config)),
    channels: channelsOf(config),
    tokenSize: config.number("MODEL.VIT_TOKEN_SIZE"),
    encoder: {
      features,
      layers: config.number("MODEL.VIT_NUM_LAYERS"),
      heads: config.number("MODEL.VIT_NUM_HEADS"),
      hidden: Math.trunc(ratio * features),
    },
    decoder: {
      features: decoderFeatures,
      layers: config.number("MODEL.MAE_DEC_NUM_LAYERS"),
      heads: config.number("MODEL.MAE_DEC_NUM_HEADS"),
      hidden: Math.trunc(ratio * decoderFeatures),
    },
    epsilon: EPSILON,
    normalizePixels,
  };
}

/** Returns how tokens are masked. */
export function maskSettings(config: Config, settings: MaeSettings): TokenMaskSettings {
  return {
    type: config.choice("MODEL.MAE_MASK_TYPE", MASK_TYPES),
    ratio: config.number("MODEL.MAE_MASK_RATIO"),
    grid: tokenGrid(settings),
  };
}

/** Returns the arguments that build the same model in BiaPy, as its checkpoints keep them. */
export function maeBuildArguments(config: Config, settings: MaeSettings): BuildArguments {
  const { encoder, decoder } = settings;
  return {
    img_size: lastOf(settings.patchSize),
    patch_size: settings.tokenSize,
    in_chans: settings.channels,
    ndim: settings.patchSize.length,
    embed_dim: encoder.features,
    depth: encoder.layers,
    num_heads: encoder.heads,
    decoder_embed_dim: decoder.features,
    decoder_depth: decoder.layers,
    decoder_num_heads: decoder.heads,
    mlp_ratio: config.number("MODEL.VIT_MLP_RATIO"),
    masking_type: config.text("MODEL.MAE_MASK_TYPE"),
    mask_ratio: config.number("MODEL.MAE_MASK_RATIO"),
    return_just_preds: false,
    device: "cpu",
  };
}
