/** MODEL.SOURCE bmz: starts a run from a package: from the weights of BiaPy's classes, or with its ONNX network. */

import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadBiapyCheckpoint } from "../../checkpoint/biapy-checkpoint.ts";
import { CheckpointError } from "../../checkpoint/checkpoint-error.ts";
import { channelsOf, ndimOf } from "../../config/basics.ts";
import { checkPatch } from "../../config/checks.ts";
import type { Config } from "../../config/config.ts";
import type { Key } from "../../config/key-names.ts";
import { checkModelKeys } from "../../config/model-checks.ts";
import { isPythonValue, type PythonValue } from "../../config/python-value.ts";
import { isZooId } from "../../config/zoo-settings.ts";
import { type EmbeddedArchitecture, readsSetting } from "../../facts/architectures.ts";
import { at, lastOf } from "../../facts/checked-lists.ts";
import { errorMessage } from "../../facts/errors.ts";
import type { ReportEvent } from "../../facts/run-events.ts";
import { declaredWeights } from "../../runtime/declared-weights.ts";
import type { WeightSpec } from "../../runtime/scope.ts";
import { InputError } from "../input-error.ts";
import { buildArguments, outputChannels } from "../model-settings.ts";
import { threadCount } from "../settings.ts";
import { maeBuildArguments, maeSettings } from "../tasks/mae-settings.ts";
import { downloadPackage } from "./download-package.ts";
import { ForeignModel } from "./foreign-model.ts";
import { channelsFirst, patchShape, zooNetworks } from "./networks.ts";
import { type PackageDescription, PackageError, readPackage, type ZooPackage } from "./read-package.ts";
import { torchClass, unusable } from "./used-weights.ts";

/** A configuration completed from a package. */
export interface StartedFromPackage {
  readonly config: Config;
  /** The package's own network, which predicts test images. Undefined where this engine builds it and loads its weights. */
  readonly foreign?: ForeignModel;
  /** Removes the unpacked weights. */
  close(): Promise<void>;
}

const ID = "MODEL.BMZ.SOURCE_MODEL_ID";

/**
 * Replaces MODEL.SOURCE bmz by the package's content: the network's keys, DATA.NORMALIZATION, and its weights as the checkpoint to
 * start from; or its ONNX network, if this engine cannot build it. A package that is named by its id or DOI is downloaded. Other configurations
 * are returned unchanged. Throws {@link InputError} if the package or DATA.PATCH_SIZE cannot be used, and the signal's reason when aborted.
 */
export async function withZooModel(
  config: Config,
  report: ReportEvent,
  signal: AbortSignal = new AbortController().signal,
): Promise<StartedFromPackage> {
  if (config.text("MODEL.SOURCE") !== "bmz") return { config, close: async () => {} };
  const wrong = checkPatch(config);
  if (wrong.length > 0) throw new InputError(wrong);
  const folder = await mkdtemp(join(tmpdir(), "biapy-zoo-"));
  const close = () => rm(folder, { recursive: true, force: true });
  try {
    const named = config.text(ID);
    const watch = { report, signal };
    const isRemote = isZooId(named) && !existsSync(named);
    const opened = await readPackage(isRemote ? await downloadPackage(named, watch) : named);
    checkImages(config, opened.description);
    const { architecture, whyNot } = torchClass(opened.description);
    if (architecture === undefined) return await withNetwork(config, opened, folder, close, report, whyNot);
    try {
      return { config: await withWeights(config, opened, architecture, folder, report), close };
    } catch (error) {
      if (!(error instanceof OtherNetworkError)) throw error;
      if (opened.description.weights.onnx == null)
        throw new PackageError(`${error.message}. The package has no network in ONNX instead.`);
      const network = isRemote ? await readPackage(await downloadPackage(named, watch, "onnx")) : opened;
      return await withNetwork(config, network, folder, close, report, error.message);
    }
  } catch (error) {
    await close();
    if (error instanceof PackageError) throw new InputError([config.problem(ID, error.message)]);
    throw error;
  }
}

/** The PyTorch weights do not fit the described network. */
class OtherNetworkError extends PackageError {}

/** Returns the configuration with the keys and weights of a network that this engine builds. Throws {@link OtherNetworkError}. */
async function withWeights(
  config: Config,
  { description, copy }: ZooPackage,
  architecture: EmbeddedArchitecture,
  folder: string,
  report: ReportEvent,
): Promise<Config> {
  const torch = description.weights.pytorch_state_dict;
  if (torch == null) throw new PackageError(`${description.name} has no weights for PyTorch.`);
  const network = networkKeys(config, architecture, torch.architecture.kwargs ?? {});
  const checkpoint = join(folder, "weights.pt");
  await copy(torch.source, checkpoint, torch.sha256);
  await checkWeights(network, checkpoint);
  const normalized = normalizationKeys(network, description);
  const message = `Starting from the package ${description.name}: ${network.text("MODEL.ARCHITECTURE")}, normalization ${normalized.text("DATA.NORMALIZATION.TYPE")}.`;
  report({ event: "log", level: "info", message });
  return normalized
    .with("MODEL.SOURCE", "biapy")
    .with("MODEL.LOAD_CHECKPOINT", true)
    .with("PATHS.CHECKPOINT_FILE", checkpoint);
}

/** Opens the package's ONNX network, to predict with. Throws {@link PackageError} if there is none, or the configuration trains. */
async function withNetwork(
  config: Config,
  opened: ZooPackage,
  folder: string,
  close: () => Promise<void>,
  report: ReportEvent,
  whyNotTrained = "it has no weights for PyTorch",
): Promise<StartedFromPackage> {
  const { name } = opened.description;
  if (opened.description.weights.onnx == null)
    throw new PackageError(unusable(opened.path, opened.description));
  if (config.flag("TRAIN.ENABLE"))
    throw new PackageError(
      `${name} cannot be trained: ${whyNotTrained}. Its network in ONNX predicts images only. Set TRAIN.ENABLE to False.`,
    );
  const threads = threadCount(config);
  const { model, config: configured } = await ForeignModel.open(opened, config, { folder, threads });
  const log = (level: "info" | "warning", message: string) => report({ event: "log", level, message });
  if (opened.description.weights.pytorch_state_dict != null)
    log("info", `The weights for PyTorch are not used: ${whyNotTrained}.`);
  const patch = configured.numbers("DATA.PATCH_SIZE").slice(0, -1).join(" x ");
  const context = configured.numbers("DATA.TEST.PADDING").join(" x ");
  log(
    "info",
    `Predicting with the network of the package ${name}, on the CPU: patches of ${patch} pixels, of which ${context} at each border give context only.`,
  );
  if (model.activation !== undefined)
    log(
      "info",
      `${name} ends without an activation and names no postprocessing: its output is taken for logits (${model.activation}).`,
    );
  if (model.outputs > 1)
    log("warning", `${name} has ${model.outputs} outputs. Only the first one is written.`);
  const closeAll = () => {
    model.close();
    return close();
  };
  return { config: configured, foreign: model, close: closeAll };
}

/** Position embeddings follow the patch, and are stretched to it. */
const POSITIONS = /(^|\.)(decoder_)?pos_embed$/;

/**
 * Throws {@link OtherNetworkError} if a checkpoint cannot be read, or if its names and shapes are not those of the configured network, but
 * for its last layer's channels.
 */
async function checkWeights(config: Config, path: string): Promise<void> {
  const wanted = weightsOf(config);
  if (wanted === undefined) return;
  const checkpoint = await loadBiapyCheckpoint(path).catch((error: unknown) => {
    if (!(error instanceof CheckpointError)) throw error;
    throw new OtherNetworkError(
      `its weights for PyTorch cannot be read: ${error.message.replace(/\.$/, "")}`,
    );
  });
  try {
    const last = outputChannels(config);
    const wrong = wanted.find(({ name, shape }) => {
      const found = checkpoint.weights.get(name)?.shape;
      if (found === undefined) return true;
      const [count, ...rest] = shape;
      const same = count === last ? String(found.slice(1)) === String(rest) : String(found) === String(shape);
      return !same && !POSITIONS.test(name);
    });
    if (wrong === undefined) return;
    const { name, shape } = wrong;
    const found = checkpoint.weights.get(name)?.shape.join(" x ");
    const network = config.text("MODEL.ARCHITECTURE");
    throw new OtherNetworkError(
      `its weights are not of BiaPy's ${network}: ${name} is ${found ?? "missing"}, and ${network} has ${shape.join(" x ")}`,
    );
  } finally {
    await checkpoint.close();
  }
}

/**
 * Returns the weights of the configured network; undefined if the patch does not fit it, which the configuration's checks report.
 * Throws {@link OtherNetworkError} if it cannot be built.
 */
function weightsOf(config: Config): WeightSpec[] | undefined {
  const problems = checkModelKeys(config.with("MODEL.SOURCE", "biapy"));
  if (problems.some(({ key }) => key === "DATA.PATCH_SIZE")) return undefined;
  try {
    return declaredWeights(channelsFirst(lastOf(zooNetworks(config, false)), patchShape(config)));
  } catch (error) {
    throw new OtherNetworkError(`its network cannot be built of its arguments: ${errorMessage(error)}`);
  }
}

/** Throws {@link PackageError} if the package is for other images than the configuration. */
function checkImages(config: Config, { name, inputs }: PackageDescription): void {
  const { axes } = at(inputs, 0);
  const space = axes.filter(({ type }) => type === "space").length;
  if (space !== ndimOf(config))
    throw new PackageError(
      `${name} is for ${space}D images, and PROBLEM.NDIM is ${config.text("PROBLEM.NDIM")}.`,
    );
  const channels = axes.find(({ type }) => type === "channel")?.channel_names?.length ?? 1;
  if (channels !== channelsOf(config))
    throw new PackageError(
      `${name} takes images of ${channels} channels, and DATA.PATCH_SIZE says ${channelsOf(config)}.`,
    );
}

/** The keys for the arguments of BiaPy's classes. */
const KEYS: Readonly<Record<string, Key>> = {
  activation: "MODEL.ACTIVATION",
  decoder_activation: "MODEL.ACTIVATION",
  feature_maps: "MODEL.FEATURE_MAPS",
  drop_values: "MODEL.DROPOUT_VALUES",
  dropout: "MODEL.DROPOUT_VALUES",
  drop_rate: "MODEL.DROPOUT_VALUES",
  normalization: "MODEL.NORMALIZATION",
  k_size: "MODEL.KERNEL_SIZE",
  upsample_layer: "MODEL.UPSAMPLE_LAYER",
  yx_down: "MODEL.YX_DOWN",
  z_down: "MODEL.Z_DOWN",
  isotropy: "MODEL.ISOTROPY",
  larger_io: "MODEL.LARGER_IO",
  conv_layers: "MODEL.CONV_LAYERS",
  cn_layers: "MODEL.CONV_LAYERS",
  conv_block_order: "MODEL.CONV_BLOCK_ORDER",
  stochastic_depth_prob: "MODEL.CONVNEXT_SD_PROB",
  stem_k_size: "MODEL.CONVNEXT_STEM_K_SIZE",
  layer_scale: "MODEL.CONVNEXT_LAYER_SCALE",
  patch_size: "MODEL.VIT_TOKEN_SIZE",
  embed_dim: "MODEL.VIT_EMBED_DIM",
  depth: "MODEL.VIT_NUM_LAYERS",
  num_heads: "MODEL.VIT_NUM_HEADS",
  mlp_ratio: "MODEL.VIT_MLP_RATIO",
  vit_model: "MODEL.UNETR_VIT_MODEL",
  num_filters: "MODEL.UNETR_VIT_NUM_FILTERS",
  ViT_hidd_mult: "MODEL.UNETR_VIT_HIDD_MULT",
  decoder_embed_dim: "MODEL.MAE_DEC_HIDDEN_SIZE",
  decoder_depth: "MODEL.MAE_DEC_NUM_LAYERS",
  decoder_num_heads: "MODEL.MAE_DEC_NUM_HEADS",
  mask_ratio: "MODEL.MAE_MASK_RATIO",
  filters: "MODEL.RCAN_CONV_FILTERS",
  num_rg: "MODEL.RCAN_RG_BLOCK_NUM",
  num_rcab: "MODEL.RCAN_RCAB_BLOCK_NUM",
  reduction: "MODEL.RCAN_REDUCTION_RATIO",
};
const LISTS = new Set(["dropout", "drop_rate"]);

const HRNET: Readonly<Record<string, Key>> = {
  NUM_STAGES: "MODEL.HRNET.NUM_STAGES",
  NUM_MODULES: "MODEL.HRNET.NUM_MODULES",
  NUM_BRANCHES: "MODEL.HRNET.NUM_BRANCHES",
  NUM_BLOCKS: "MODEL.HRNET.NUM_BLOCKS",
  NUM_CHANNELS: "MODEL.HRNET.NUM_CHANNELS",
  YX_DOWN: "MODEL.HRNET.YX_DOWN",
  Z_DOWN: "MODEL.HRNET.Z_DOWN",
  BLOCK_TYPE: "MODEL.HRNET.BLOCK_TYPE",
};
const STUNET: Readonly<Record<string, Key>> = {
  variant: "MODEL.STUNET.VARIANT",
  depth: "MODEL.STUNET.DEPTH",
  dims: "MODEL.STUNET.DIMS",
  pool_op_kernel_sizes: "MODEL.STUNET.POOL_OP_KERNEL_SIZES",
  conv_kernel_sizes: "MODEL.STUNET.CONV_KERNEL_SIZES",
};

/**
 * Returns the configuration with the keys of the package's network. Throws {@link OtherNetworkError} if they do not give the same network.
 */
function networkKeys(
  config: Config,
  architecture: EmbeddedArchitecture,
  kwargs: Readonly<Record<string, unknown>>,
): Config {
  let result = config.with("MODEL.ARCHITECTURE", architecture);
  const set = (key: Key, value: unknown) => {
    if (!isPythonValue(value)) throw new OtherNetworkError(`its argument for ${key} is not a value`);
    result = result.with(key, value);
  };
  const keys = architecture === "stunet" ? STUNET : KEYS;
  for (const [name, value] of Object.entries(kwargs)) {
    const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (key === undefined || !readsSetting(architecture, at(key.split("."), 1))) continue;
    set(key, LISTS.has(name) ? [value] : value);
  }
  if (architecture === "hrnet" && typeof kwargs.cfg === "object" && kwargs.cfg !== null) {
    set("MODEL.HRNET.VARIANT", "custom");
    for (const [name, value] of Object.entries(kwargs.cfg)) {
      const key = Object.hasOwn(HRNET, name) ? HRNET[name] : undefined;
      if (key !== undefined) set(key, value);
    }
  }
  checkSame(
    architecture === "mae" ? maeBuildArguments(result, maeSettings(result, false)) : buildArguments(result),
    kwargs,
  );
  return result;
}

/** Arguments that do not change what the network computes, or that the run's configuration sets. */
const FREE = new Set([
  ...[
    "image_shape",
    "input_shape",
    "img_size",
    "ndim",
    "output_channels",
    "out_channels",
    "num_classes",
    "cfg",
    "head_type",
  ],
  ...["output_channel_info", "head_activations", "explicit_activations", "return_one_tensor", "pretrained"],
  ...["contrast", "contrast_proj_dim", "deep_supervision", "device", "return_just_preds", "masking_type"],
]);

/** Throws {@link OtherNetworkError} if this engine would build a network with other arguments than the package's. */
function checkSame(built: Readonly<Record<string, unknown>>, given: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(built)) {
    if (FREE.has(name) || given[name] === undefined) continue;
    if (JSON.stringify(value) === JSON.stringify(given[name])) continue;
    throw new OtherNetworkError(
      `its network has ${name} ${JSON.stringify(given[name])}, which this engine would build as ${JSON.stringify(value)}`,
    );
  }
}

/** Converts the package's preprocessing to DATA.NORMALIZATION. Throws {@link PackageError} for unsupported operations. */
function normalizationKeys(config: Config, { inputs }: PackageDescription): Config {
  const { preprocessing } = at(inputs, 0);
  let result = config;
  for (const { id, kwargs: given } of preprocessing ?? []) {
    const kwargs = given ?? {};
    if (id === "ensure_dtype") continue;
    if (id === "zero_mean_unit_variance") result = result.with("DATA.NORMALIZATION.TYPE", id);
    else if (id === "scale_range") result = scaleRange(result, kwargs);
    else if (id === "scale_linear" && isDivision(kwargs))
      result = result.with("DATA.NORMALIZATION.TYPE", "div");
    else if (id === "fixed_zero_mean_unit_variance") {
      const list = (value: unknown): PythonValue => [value].flat().map(Number);
      result = result
        .with("DATA.NORMALIZATION.TYPE", "zero_mean_unit_variance")
        .with("DATA.NORMALIZATION.ZERO_MEAN_UNIT_VAR.MEAN_VAL", list(kwargs.mean))
        .with("DATA.NORMALIZATION.ZERO_MEAN_UNIT_VAR.STD_VAL", list(kwargs.std));
    } else if (id === "clip") result = isScaled(result, kwargs) ? result : clipped(result, kwargs);
    else throw new PackageError(`its preprocessing has ${id}, which this engine does not do to images.`);
  }
  return result;
}

type Arguments = Readonly<Record<string, unknown>>;

const isDivision = ({ gain, offset = 0 }: Arguments): boolean =>
  offset === 0 && typeof gain === "number" && [1, 255, 65535].some((by) => Math.abs(gain * by - 1) < 1e-6);

/** Whether clipping follows scaling by percentiles: that is one setting here. */
const isScaled = (config: Config, { min, max }: Arguments): boolean =>
  config.flag("DATA.NORMALIZATION.PERC_CLIP.ENABLE") && min === 0 && max === 1;

function scaleRange(config: Config, { min_percentile = 0, max_percentile = 100 }: Arguments): Config {
  const scaled = config.with("DATA.NORMALIZATION.TYPE", "scale_range");
  if (min_percentile === 0 && max_percentile === 100) return scaled;
  return clipped(scaled, { min_percentile, max_percentile });
}

function clipped(config: Config, { min_percentile, max_percentile, min, max }: Arguments): Config {
  const key = <Name extends string>(name: Name) => `DATA.NORMALIZATION.PERC_CLIP.${name}` as const;
  const enabled = config.with(key("ENABLE"), true);
  if (typeof min === "number" && typeof max === "number")
    return enabled.with(key("LOWER_VALUE"), [min]).with(key("UPPER_VALUE"), [max]);
  if (typeof min_percentile === "number" && typeof max_percentile === "number")
    return enabled.with(key("LOWER_PERC"), min_percentile).with(key("UPPER_PERC"), max_percentile);
  throw new PackageError("its preprocessing clips at one end only, which this engine does not do.");
}
