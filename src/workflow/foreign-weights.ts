/**
 * Weights of other programs' vision transformers as this engine's networks take them: MAE's published checkpoints and timm's models
 * name their layers as BiaPy does, but expect 3 channels and other image sizes, and may have additional layers.
 */

import type { BiapyCheckpoint } from "../checkpoint/biapy-checkpoint.ts";
import { bicubic } from "../data/bicubic.ts";
import { atLeast, exactly, product } from "../facts/checked-lists.ts";
import { NAMED_TRANSFORMERS } from "../facts/network-sizes.ts";
import type { Parameters } from "../runtime/parameters.ts";
import type { WeightSpec } from "../runtime/scope.ts";

/** A weight that was filled from a tensor of another shape, and how. */
export interface AdaptedWeight {
  readonly name: string;
  readonly how: string;
}

/** The convolution that projects tokens, `[feature, channel, …kernel]`. */
export const PROJECTION = "patch_embed.proj.weight";
/** Position embeddings of encoder and decoder, `[1, (class token +) token, feature]`. */
const POSITIONS = ["pos_embed", "decoder_pos_embed"];

/** Transformer layers that these networks do not have, with their names. */
const OTHER_LAYERS: readonly (readonly [name: RegExp, what: string])[] = [
  [/(^|\.)blocks\.\d+\.(ls\d\.gamma|gamma_\d)$/, "layer scales"],
  [/(^|\.)blocks\.\d+\.attn\.[qk]_norm\./, "normalized queries and keys"],
  [/(^|\.)blocks\.\d+\.attn\.[qkv]_bias$/, "separate biases of queries, keys and values"],
  [/(^|\.)blocks\.\d+\.attn\.(rel_pos|relative_position)|^rel_pos_bias\./, "relative positions"],
  [/(^|\.)blocks\.\d+\.mlp\.(w12|fc1_[gx])\./, "gated inner networks"],
  [/(^|\.)blocks\.\d+\.(attn|mlp)\.norm\./, "normalizations inside its layers"],
  [/^norm_pre\./, "a normalization before its layers"],
  [/^patch_embed\.norm\./, "a normalization of its tokens"],
  [/^(reg_token|register_tokens|dist_token)$/, "further tokens beside the class token"],
];

/** The projection of a layer's queries, keys and values. */
const ATTENTION = "blocks.0.attn.qkv.weight";

/**
 * Returns why a transformer's weights cannot be used: it has layers that this network does not have, or its attention works otherwise.
 * Undefined for weights that can be used.
 */
export function whyOtherTransformer(checkpoint: BiapyCheckpoint, heads: number): string | undefined {
  const { weights } = checkpoint;
  for (const [pattern, what] of OTHER_LAYERS) {
    const name = [...weights.keys()].find((each) => pattern.test(each));
    if (name !== undefined) return `its transformer has ${what} (${name}), which this network does not have`;
  }
  if (weights.has(PROJECTION) && !weights.has(ATTENTION))
    return `its transformer lacks ${ATTENTION}: it has other layers than this network`;
  const stored = headsOf(checkpoint);
  if (stored === undefined || stored === heads || !weights.has(ATTENTION)) return undefined;
  return `its transformer was trained with ${stored} attention heads, and this network has ${heads} (MODEL.VIT_NUM_HEADS)`;
}

/** Returns the number of attention heads that a checkpoint's arguments tell; its weights do not show it. */
function headsOf({ modelBuildArguments: build }: BiapyCheckpoint): number | undefined {
  const name = build?.vit_model;
  if (typeof name === "string" && name !== "custom") return NAMED_TRANSFORMERS[name]?.heads;
  return typeof build?.num_heads === "number" ? build.num_heads : undefined;
}

/** A checkpoint under a network's names, and the prefix that was left out. */
interface Renamed {
  readonly checkpoint: BiapyCheckpoint;
  readonly prefix?: string;
}

/**
 * Leaves out what other programs write before all names of a network that is part of theirs (`model.`, `encoder.`), if no weight has a
 * name of this network. Throws a RangeError if the checkpoint holds several such networks.
 */
export function underOwnNames(checkpoint: BiapyCheckpoint, names: ReadonlySet<string>): Renamed {
  const { weights } = checkpoint;
  if ([...weights.keys()].some((name) => names.has(name))) return { checkpoint };
  const counts = new Map<string, number>();
  for (const name of weights.keys())
    for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1))
      if (names.has(name.slice(dot + 1))) {
        const prefix = name.slice(0, dot + 1);
        counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
      }
  const most = Math.max(...counts.values());
  const [prefix, other] = [...counts].filter(([, count]) => count === most).map(([each]) => each);
  if (prefix === undefined) return { checkpoint };
  if (other !== undefined)
    throw new RangeError(
      `it holds the weights of several networks (${prefix}…, ${other}…): save one of them alone`,
    );
  const renamed = [...weights].map(
    ([name, tensor]) => [name.startsWith(prefix) ? name.slice(prefix.length) : name, tensor] as const,
  );
  return { checkpoint: { ...checkpoint, weights: new Map(renamed) }, prefix };
}

/**
 * Fills weights whose tensors in the checkpoint do not fit for a known reason: other channels, or another grid of tokens.
 *
 * @param grid tokens of this network along each axis
 */
export async function adaptWeights(
  { weights }: BiapyCheckpoint,
  parameters: Parameters,
  grid: readonly number[] | undefined,
): Promise<AdaptedWeight[]> {
  const adapted: AdaptedWeight[] = [];
  for (const spec of parameters.specs) {
    const found = weights.get(spec.name);
    if (found === undefined) continue;
    // The embeddings of a network without a class token may be as many as those of another grid with one.
    const fits = spec.name !== "pos_embed" || weights.has("cls_token");
    if (fits && String(found.shape) === String(spec.shape)) continue;
    const change = changeOf(found.shape, spec, grid);
    if (change === undefined) continue;
    const values = await found.read(new Float32Array(found.size));
    parameters.values(spec.name).set(change.values(values));
    adapted.push({ name: spec.name, how: change.how });
  }
  return adapted;
}

/** How a weight is filled from a tensor of another shape. */
interface Change {
  readonly how: string;
  values(given: Float32Array): Float32Array;
}

/** Returns how a tensor of another shape fills a weight; undefined if it cannot. */
function changeOf(
  stored: readonly number[],
  spec: WeightSpec,
  grid: readonly number[] | undefined,
): Change | undefined {
  if (spec.name === PROJECTION) return changedChannels(stored, spec);
  if (POSITIONS.includes(spec.name) && grid !== undefined) return changedGrid(stored, spec, grid);
  return undefined;
}

const RGB = 3;

/**
 * Adapts kernels of 3 channels to other numbers of channels, like timm: one channel takes their sum; several take them in turn, scaled
 * so that a gray image gives the same result.
 */
function changedChannels(stored: readonly number[], { shape }: WeightSpec): Change | undefined {
  if (stored.length < 2 || shape.length < 2) return undefined;
  const [features, channels, ...kernel] = atLeast(stored, 2);
  const [wantedFeatures, wanted, ...wantedKernel] = atLeast(shape, 2);
  if (channels !== RGB || features !== wantedFeatures || String(kernel) !== String(wantedKernel))
    return undefined;
  const size = product(kernel);
  const values = (given: Float32Array) =>
    Float32Array.from({ length: features * wanted * size }, (_, at) => {
      const [pixel, channel] = [at % size, Math.floor(at / size) % wanted];
      const first = Math.floor(at / size / wanted) * RGB * size + pixel;
      if (wanted === 1)
        return (given[first] ?? 0) + (given[first + size] ?? 0) + (given[first + 2 * size] ?? 0);
      return ((given[first + (channel % RGB) * size] ?? 0) * RGB) / wanted;
    });
  const how =
    wanted === 1 ? "its kernels for 3 channels were summed into one" : `its 3 channels became ${wanted}`;
  return { how, values };
}

/** Resamples position embeddings of a square grid of tokens to another grid. Without a class token, its embedding stays zero. */
function changedGrid(
  stored: readonly number[],
  { shape }: WeightSpec,
  grid: readonly number[],
): Change | undefined {
  if (stored.length !== 3 || shape.length !== 3 || grid.length !== 2) return undefined;
  const [batch, count, features] = exactly(stored, 3);
  const [, wantedCount, wantedFeatures] = exactly(shape, 3);
  const [rows, columns] = exactly(grid, 2);
  if (batch !== 1 || features !== wantedFeatures || wantedCount !== rows * columns + 1) return undefined;
  const first = [1, 0].find((classTokens) => {
    const tokens = count - classTokens;
    return tokens > 0 && Number.isInteger(Math.sqrt(tokens));
  });
  if (first === undefined) return undefined;
  const side = Math.sqrt(count - first);
  const values = (given: Float32Array) => {
    const result = new Float32Array(wantedCount * features);
    result.set(given.subarray(0, first * features));
    result.set(bicubic(given.subarray(first * features), [side, side, features], [rows, columns]), features);
    return result;
  };
  return { how: `its grid of ${side} x ${side} tokens was resampled to ${grid.join(" x ")}`, values };
}
