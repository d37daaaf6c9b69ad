/** Checks the keys of transformers (mae, unetr, vit) against each other and the patch. */
import { ARCHITECTURES } from "../facts/architectures.ts";
import { product } from "../facts/checked-lists.ts";
import { NAMED_TRANSFORMERS } from "../facts/network-sizes.ts";
import type { Problem } from "../facts/run-events.ts";
import { architectureOf, channelsOf } from "./basics.ts";
import type { Config } from "./config.ts";
import type { NumberKey, TextKey } from "./key-names.ts";
import { keyFacts } from "./keys.ts";

const TOKEN = "MODEL.VIT_TOKEN_SIZE";
const UNETR_NAME = "MODEL.UNETR_VIT_MODEL";

/** Keys that choose a named size. The masked autoencoder has none. */
const NAME_KEYS: Readonly<Record<string, TextKey>> = {
  unetr: UNETR_NAME,
  vit: "MODEL.VIT_MODEL",
};

/** Returns the configured transformer, with its named size if it has one; undefined for other networks. */
function configuredTransformer(config: Config) {
  const architecture = architectureOf(config);
  if (ARCHITECTURES.get(architecture)?.patch !== "tokens") return undefined;
  const key = NAME_KEYS[architecture];
  const name = key === undefined ? "custom" : config.text(key);
  const named = NAMED_TRANSFORMERS[name];
  return { architecture, key, name, named, token: named?.tokenSize ?? config.number(TOKEN) };
}

/** Returns the number of attention heads of the configured transformer. */
export const attentionHeads = (config: Config): number =>
  configuredTransformer(config)?.named?.heads ?? config.number("MODEL.VIT_NUM_HEADS");

/** Checks the configured transformer; none for other networks. */
export function checkTransformer(config: Config): Problem[] {
  const transformer = configuredTransformer(config);
  if (transformer === undefined) return [];
  const { architecture, key, name, named, token } = transformer;
  if (key !== undefined && named === undefined && name !== "custom") {
    const message = `the embedded engine has custom, ${Object.keys(NAMED_TRANSFORMERS).join(", ")}; ${name} needs BiaPy itself.`;
    return [config.needsBiapy(key, message, "custom")];
  }
  if (architecture === "unetr") {
    const problem = checkDoubling(config, name, token);
    if (problem !== undefined) return [problem];
  }
  const heads = named === undefined ? checkHeads(config, "MODEL.VIT_EMBED_DIM", "MODEL.VIT_NUM_HEADS") : [];
  const decoder =
    architecture === "mae" ? checkHeads(config, "MODEL.MAE_DEC_HIDDEN_SIZE", "MODEL.MAE_DEC_NUM_HEADS") : [];
  const layers = architecture === "unetr" && named === undefined ? checkSpacing(config, token) : [];
  const tokens = checkTokens(config);
  return [
    ...(tokens.length > 0 || architecture !== "mae" ? tokens : checkTokenCount(config, token)),
    ...heads,
    ...decoder,
    ...layers,
    ...checkEpsilon(config),
  ];
}

/** Checks that the patch has one size along all axes: BiaPy 3.7.1 builds transformers for the first one. */
function checkCube(config: Config): Problem[] {
  const patch = config.numbers("DATA.PATCH_SIZE");
  const sizes = patch.slice(0, -1);
  const [first = 0] = sizes;
  if (sizes.every((size) => size === first)) return [];
  const message = `BiaPy 3.7.1 builds ${architectureOf(config)} for patches of one size along all axes, not for ${sizes.join(" x ")}; the embedded engine takes these.`;
  return [
    config.problem(
      "DATA.PATCH_SIZE",
      message,
      `(${[...sizes.map(() => Math.max(...sizes)), channelsOf(config)].join(",")})`,
    ),
  ];
}

/** Warns of MODEL.VIT_NORM_EPS, which BiaPy 3.7.1 does not read. */
function checkEpsilon(config: Config): Problem[] {
  const key = "MODEL.VIT_NORM_EPS";
  const used = 1e-6;
  if (!config.sets(key) || config.number(key) === used) return [];
  const message = `it changes nothing: as in BiaPy 3.7.1, transformers are built with ${used}.`;
  return [config.warning(key, message, "1.E-6")];
}

/** Warns of the sizes of a masked autoencoder's decoder, for which BiaPy 3.7.1 has fixed ones. */
function checkFixedDecoder(config: Config): Problem[] {
  const keys = ["MODEL.MAE_DEC_HIDDEN_SIZE", "MODEL.MAE_DEC_NUM_LAYERS", "MODEL.MAE_DEC_NUM_HEADS"] as const;
  return keys.flatMap((key) => {
    const used = keyFacts.get(key)?.default;
    if (!config.sets(key) || config.number(key) === used) return [];
    const message = `BiaPy 3.7.1 ignores this key and builds its decoder with ${String(used)}; the embedded engine obeys it.`;
    return [config.warning(key, message)];
  });
}

/** A transformer with downloaded weights, which only BiaPy has. */
const DOWNLOADED = "sam3_vit";

/** Checks MODEL.VIT_PRETRAINED_WEIGHTS, which one transformer has. */
export function checkPretrained(config: Config): Problem[] {
  const key = "MODEL.VIT_PRETRAINED_WEIGHTS";
  const chooser = NAME_KEYS[architectureOf(config)];
  const isDownloaded = chooser !== undefined && config.text(chooser) === DOWNLOADED;
  if (config.text(key) === "" || isDownloaded) return [];
  return [config.problem(key, `BiaPy 3.7.1 has trained weights for ${DOWNLOADED} only.`, "''")];
}

/** Checks the keys of the configured transformer by the rules of BiaPy 3.7.1; none for other networks. */
export function checkBiapyTransformer(config: Config): Problem[] {
  const transformer = configuredTransformer(config);
  if (transformer === undefined) return [];
  const { architecture, key, name, named, token } = transformer;
  if (name === DOWNLOADED) return [];
  if (key !== undefined && named === undefined && name !== "custom") {
    const message = `BiaPy 3.7.1 has custom, ${Object.keys(NAMED_TRANSFORMERS).join(", ")} and ${DOWNLOADED}, not ${name}.`;
    return [config.problem(key, message, "custom")];
  }
  const doubling = architecture === "unetr" ? checkDoubling(config, name, token) : undefined;
  return [
    ...checkCube(config),
    ...(doubling === undefined ? [] : [doubling]),
    ...(architecture === "unetr" && named === undefined && doubling === undefined
      ? checkSpacing(config, token)
      : []),
    ...(named === undefined ? checkHeads(config, "MODEL.VIT_EMBED_DIM", "MODEL.VIT_NUM_HEADS") : []),
    ...checkEpsilon(config),
    ...(architecture === "mae" ? checkFixedDecoder(config) : []),
  ];
}

/** Checks that the patch divides into tokens. */
export function checkTokens(config: Config): Problem[] {
  const { token } = configuredTransformer(config) ?? { token: 1 };
  const patch = config.numbers("DATA.PATCH_SIZE").slice(0, -1);
  const uneven = patch.filter((size) => size % token !== 0);
  if (uneven.length === 0) return [];
  const near = patch.map((size) => Math.max(token, Math.round(size / token) * token));
  const message = `${uneven.join(", ")} cannot be divided into tokens of ${token} (${TOKEN}).`;
  return [config.problem("DATA.PATCH_SIZE", message, `(${[...near, channelsOf(config)].join(",")})`)];
}

/** Checks that masking has at least two tokens: one to hide, one to see. */
function checkTokenCount(config: Config, token: number): Problem[] {
  const patch = config.numbers("DATA.PATCH_SIZE").slice(0, -1);
  if (product(patch.map((size) => size / token)) >= 2) return [];
  return [config.problem("DATA.PATCH_SIZE", `a patch must hold at least two tokens of ${token}.`)];
}

/** Checks that each attention head gets as many features. */
function checkHeads(config: Config, featuresKey: NumberKey, headsKey: NumberKey): Problem[] {
  const [features, heads] = [config.number(featuresKey), config.number(headsKey)];
  if (features % heads === 0) return [];
  const message = `${features} features cannot be shared by ${heads} heads (${headsKey}).`;
  const near = String(Math.max(Math.round(features / heads), 1) * heads);
  return [config.problem(featuresKey, message, near)];
}

/** Checks the token size of UNETR, whose decoder doubles the resolution from a token to its pixels. */
function checkDoubling(config: Config, name: string, token: number): Problem | undefined {
  const levels = Math.log2(token);
  if (levels >= 1 && Number.isInteger(levels)) return undefined;
  if (name !== "custom") {
    const message = `${name} cannot be built: its tokens of ${token} are not a power of 2, which UNETR's decoder needs.`;
    return config.problem(UNETR_NAME, message, "custom");
  }
  const message = `UNETR doubles a token until it has its size, which must be a power of 2, not ${token}.`;
  return config.problem(TOKEN, message, "16");
}

/** Checks the number of layers of UNETR, whose decoder reads layers at equal distances. */
function checkSpacing(config: Config, token: number): Problem[] {
  const levels = Math.log2(token);
  const layers = config.number("MODEL.VIT_NUM_LAYERS");
  const spacing = Math.max(config.number("MODEL.UNETR_VIT_HIDD_MULT"), 1);
  if (spacing * (levels - 1) <= layers) return [];
  const message = `tokens of ${token} take ${levels - 1} layers on the way up, ${spacing} apart: ${layers} are too few.`;
  return [config.problem("MODEL.VIT_NUM_LAYERS", message, String(spacing * (levels - 1)))];
}
