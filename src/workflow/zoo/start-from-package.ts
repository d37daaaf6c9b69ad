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
import { checkModelKeys } from "../../config/model-checks.ts";
import { isZooId } from "../../config/zoo-settings.ts";
import type { EmbeddedArchitecture } from "../../facts/architectures.ts";
import { at, lastOf } from "../../facts/checked-lists.ts";
import { errorMessage } from "../../facts/errors.ts";
import type { ReportEvent } from "../../facts/run-events.ts";
import { declaredWeights } from "../../runtime/declared-weights.ts";
import type { WeightSpec } from "../../runtime/scope.ts";
import { InputError } from "../input-error.ts";
import { outputChannels } from "../model-settings.ts";
import { threadCount } from "../settings.ts";
import { downloadPackage } from "./download-package.ts";
import { ForeignModel } from "./foreign-model.ts";
import { networkKeys, OtherNetworkError } from "./network-keys.ts";
import { channelsFirst, patchShape, zooNetworks } from "./networks.ts";
import { normalizationKeys } from "./normalization-keys.ts";
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
