/** Estimates a training's memory from the configuration alone. */
import { product } from "../facts/checked-lists.ts";
import { bytes, largeCount } from "../facts/format.ts";
import { architectureOf, ndimOf } from "./basics.ts";
import type { Config } from "./config.ts";
import type { NumberKey } from "./key-names.ts";

/** Memory of a training, in bytes. */
export interface MemoryEstimate {
  /** Trainable numbers of the model. */
  readonly parameters: number;
  /** Weights, their gradients and the optimizer's two moments. */
  readonly weightBytes: number;
  /** Activations kept for the backward pass; grows with the batch. */
  readonly activationBytes: number;
  /** Program, runtime and images, independent of the model. */
  readonly baseBytes: number;
  readonly totalBytes: number;
  /** Number of tokens of a patch, and of those that the encoder sees. */
  readonly tokens: number;
  readonly visibleTokens: number;
}

const FLOAT_BYTES = 4;
/** Weight, gradient and Adam's two moments. */
const COPIES_OF_WEIGHTS = 4;
/** Measured: a training process without a model, with a few hundred megapixels of images. */
const BASE_BYTES = 300e6;
/**
 * Numbers that a transformer layer keeps for each token, in multiples of its width: input and output of two normalizations,
 * queries, keys and values, attention's result, two sums, and the inner network of four times the width before and after GELU.
 */
const KEPT_WIDTHS = 18;
/** Attention's scores before and after softmax, and their gradient. */
const KEPT_ATTENTIONS = 3;

/** Returns the estimate for a masked autoencoder; undefined for other architectures, or if sizes do not fit together. */
export function estimateMemory(config: Config): MemoryEstimate | undefined {
  if (architectureOf(config) !== "mae") return undefined;
  const ndim = ndimOf(config);
  const patch = config.numbers("DATA.PATCH_SIZE");
  const token = config.number("MODEL.VIT_TOKEN_SIZE");
  if (patch.length !== ndim + 1 || patch.slice(0, ndim).some((size) => !(size > 0) || size % token !== 0))
    return undefined;
  const tokens = product(patch.slice(0, ndim).map((size) => size / token));
  const hidden = config.text("MODEL.MAE_MASK_TYPE") === "grid" ? 0.5 : config.number("MODEL.MAE_MASK_RATIO");
  const visibleTokens = Math.max(Math.floor(tokens * (1 - hidden)), 1);
  const batch = config.number("TRAIN.BATCH_SIZE");
  const ratio = config.number("MODEL.VIT_MLP_RATIO");
  const encoder = stack(config, "MODEL.VIT_EMBED_DIM", "MODEL.VIT_NUM_LAYERS", "MODEL.VIT_NUM_HEADS");
  const decoder = stack(
    config,
    "MODEL.MAE_DEC_HIDDEN_SIZE",
    "MODEL.MAE_DEC_NUM_LAYERS",
    "MODEL.MAE_DEC_NUM_HEADS",
  );
  const pixels = token ** ndim * (patch[ndim] ?? Number.NaN);
  const parameters =
    layerParameters(encoder, ratio) +
    layerParameters(decoder, ratio) +
    pixels * (encoder.width + decoder.width) +
    encoder.width * decoder.width;
  // A class token goes through both parts.
  const activations =
    keptNumbers(encoder, visibleTokens + 1) + keptNumbers(decoder, tokens + 1) + 4 * tokens * pixels;
  const weightBytes = parameters * FLOAT_BYTES * COPIES_OF_WEIGHTS;
  const activationBytes = batch * activations * FLOAT_BYTES;
  return {
    parameters,
    weightBytes,
    activationBytes,
    baseBytes: BASE_BYTES,
    totalBytes: weightBytes + activationBytes + BASE_BYTES,
    tokens,
    visibleTokens,
  };
}

interface Stack {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
}

function stack(config: Config, width: NumberKey, layers: NumberKey, heads: NumberKey): Stack {
  return { width: config.number(width), layers: config.number(layers), heads: config.number(heads) };
}

/** Returns the parameters of all layers: four attention matrices and two of the inner network, with biases and normalizations. */
function layerParameters({ width, layers }: Stack, ratio: number): number {
  return layers * ((4 + 2 * ratio) * width ** 2 + (9 + ratio) * width);
}

/** Returns how many numbers the layers keep for the backward pass. */
function keptNumbers({ width, layers, heads }: Stack, tokens: number): number {
  return layers * tokens * (KEPT_WIDTHS * width + KEPT_ATTENTIONS * heads * tokens);
}

/** Formats the estimate as Markdown, for a hover. */
export function describeMemory(estimate: MemoryEstimate, batch: number): string {
  const { parameters, weightBytes, activationBytes, baseBytes, totalBytes, tokens, visibleTokens } = estimate;
  return [
    `**Training takes about ${bytes(totalBytes)}** (an estimate; expect a fifth more or less)`,
    "",
    "| part | memory |",
    "| --- | ---: |",
    `| ${largeCount(parameters)} weights, gradients, optimizer | ${bytes(weightBytes)} |`,
    `| batch of ${batch}: ${tokens} tokens a patch, ${visibleTokens} of them visible | ${bytes(activationBytes)} |`,
    `| program and images | ${bytes(baseBytes)} |`,
    "",
    "Too much? Halve `TRAIN.BATCH_SIZE` or `DATA.PATCH_SIZE`, or choose a smaller `MODEL.VIT_EMBED_DIM`.",
  ].join("\n");
}
