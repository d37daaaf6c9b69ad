/** Checks the keys of transformers (mae, unetr, vit) against each other and the patch. */
import { ARCHITECTURES } from "../facts/architectures.ts";
import { NAMED_TRANSFORMERS } from "../facts/network-sizes.ts";
import type { Problem } from "../facts/run-events.ts";
import { architectureOf, channelsOf } from "./basics.ts";
import type { Config } from "./config.ts";
import type { NumberKey, TextKey } from "./key-names.ts";

const TOKEN = "MODEL.VIT_TOKEN_SIZE";
const UNETR_NAME = "MODEL.UNETR_VIT_MODEL";

/** Keys that choose a named size. The masked autoencoder has none. */
const NAME_KEYS: Readonly<Record<string, TextKey>> = {
  unetr: UNETR_NAME,
  vit: "MODEL.VIT_MODEL",
};

export function checkTransformer(config: Config): Problem[] {
  const architecture = architectureOf(config);
  if (ARCHITECTURES.get(architecture)?.patch !== "tokens") return [];
  const key = NAME_KEYS[architecture];
  const name = key === undefined ? "custom" : config.text(key);
  const named = NAMED_TRANSFORMERS[name];
  if (key !== undefined && named === undefined && name !== "custom") {
    const message = `the embedded engine has custom, ${Object.keys(NAMED_TRANSFORMERS).join(", ")}; ${name} needs BiaPy itself.`;
    return [config.needsBiapy(key, message, "custom")];
  }
  const token = named?.tokenSize ?? config.number(TOKEN);
  if (architecture === "unetr") {
    const problem = checkDoubling(config, name, token);
    if (problem !== undefined) return [problem];
  }
  const heads = named === undefined ? checkHeads(config, "MODEL.VIT_EMBED_DIM", "MODEL.VIT_NUM_HEADS") : [];
  const decoder =
    architecture === "mae" ? checkHeads(config, "MODEL.MAE_DEC_HIDDEN_SIZE", "MODEL.MAE_DEC_NUM_HEADS") : [];
  const layers = architecture === "unetr" && named === undefined ? checkSpacing(config, token) : [];
  return [...checkTokens(config, architecture, token), ...heads, ...decoder, ...layers];
}

/** Whether the patch divides into tokens: masking needs at least two of them. */
function checkTokens(config: Config, architecture: string, token: number): Problem[] {
  const patch = config.numbers("DATA.PATCH_SIZE").slice(0, -1);
  const uneven = patch.filter((size) => size % token !== 0);
  if (uneven.length > 0) {
    const near = patch.map((size) => Math.max(token, Math.round(size / token) * token));
    const message = `${uneven.join(", ")} cannot be divided into tokens of ${token} (${TOKEN}).`;
    return [config.problem("DATA.PATCH_SIZE", message, `(${[...near, channelsOf(config)].join(",")})`)];
  }
  const tokens = patch.reduce((product, size) => product * (size / token), 1);
  if (architecture !== "mae" || tokens >= 2) return [];
  return [config.problem("DATA.PATCH_SIZE", `a patch must hold at least two tokens of ${token}.`)];
}

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
