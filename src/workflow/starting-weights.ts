/** MODEL.LOAD_CHECKPOINT: starting weights from an earlier checkpoint of the same network or of one that shares layers. */

import { readdir } from "node:fs/promises";
import Papa from "papaparse";
import {
  type BiapyCheckpoint,
  loadBiapyCheckpoint,
  type PlainObject,
} from "../checkpoint/biapy-checkpoint.ts";
import type { Config } from "../config/config.ts";
import { attentionHeads } from "../config/transformer-checks.ts";
import { resize } from "../data/resize.ts";
import { at, exactly, product } from "../facts/checked-lists.ts";
import { firstOf } from "../facts/format.ts";
import { asObject } from "../facts/json.ts";
import { checkpointPrefix, epochCheckpoint, type ResultTree } from "../facts/result-tree.ts";
import type { ReportEvent } from "../facts/run-events.ts";
import type { ImageShape } from "../images/image.ts";
import type { Parameters } from "../runtime/parameters.ts";
import {
  type AdaptedWeight,
  adaptWeights,
  PROJECTION,
  underOwnNames,
  whyOtherTransformer,
} from "./foreign-weights.ts";
import { InputError } from "./input-error.ts";
import { type LoadedWeights, loadWeights } from "./run-checkpoint.ts";

/**
 * Returns the path of the run's own checkpoint that MODEL.LOAD_CHECKPOINT_EPOCH asks for: the best one, or the latest of those of single
 * epochs (MODEL.SAVE_CKPT_FREQ). Throws {@link InputError} if there is none of the latter.
 */
export async function ownCheckpoint(config: Config, tree: ResultTree): Promise<string> {
  const key = "MODEL.LOAD_CHECKPOINT_EPOCH";
  if (config.text(key) !== "last_on_train") return tree.bestCheckpoint;
  const names = await readdir(tree.checkpoints).catch(() => []);
  const prefix = checkpointPrefix(tree);
  const epochs = names
    .filter((name) => name.startsWith(prefix) && /^\d+\.pth$/.test(name.slice(prefix.length)))
    .map((name) => Number.parseInt(name.slice(prefix.length), 10));
  if (epochs.length > 0) return epochCheckpoint(tree, Math.max(...epochs));
  const message = `there is no checkpoint of an epoch in ${tree.checkpoints} (MODEL.SAVE_CKPT_FREQ writes them).`;
  throw new InputError([config.problem(key, message, "best_on_val")]);
}

/** The transformer's fixed position embedding, `[1, 1 + token, feature]`: the class token's comes first. */
const POSITIONS = "pos_embed";

/**
 * Loads tensors that fit by name and shape, and reports what was loaded, what was not, and why. MAE's encoder and UNETR's have the same
 * names; position embeddings are resampled for another patch size. Throws {@link InputError} if nothing fits, or if
 * `complete` is set and some weights are missing, and `CheckpointError`.
 *
 * @returns a CSV table of all tensors: taken, adapted, skipped or fresh, and why
 */
export async function loadStartingWeights(
  path: string,
  config: Config,
  parameters: Parameters,
  { complete, report }: StartingOptions,
): Promise<string> {
  const opened = await loadBiapyCheckpoint(path);
  try {
    const { checkpoint, prefix } = named(opened, config, parameters);
    const other = parameters.specs.some(({ name }) => name === POSITIONS)
      ? whyOtherTransformer(checkpoint, attentionHeads(config))
      : undefined;
    if (other !== undefined) throw unfit(config, `${path} cannot be used: ${other}.`);
    if (prefix !== undefined)
      report({ event: "log", level: "info", message: `${path}: ${prefix} was left out of all names.` });
    const fitting = await loadWeights(checkpoint, parameters, foreignHead(checkpoint, config));
    const stretched = await stretchPositions(checkpoint, config, parameters);
    const adapted = [
      ...(stretched ? [{ name: POSITIONS, how: "it was stretched to this network's grid of tokens" }] : []),
      ...(await adaptWeights(checkpoint, parameters, stretched ? undefined : gridOf(config, parameters))),
    ];
    const weights = without(fitting, adapted);
    reportOutcome(path, weights, adapted, report);
    const { missing } = weights;
    if (weights.loaded.length === 0)
      throw unfit(config, `nothing in ${path} fits this network: ${reasons(weights)}.`);
    if (complete && missing.length > 0)
      throw unfit(config, `${path} is of another network: it lacks ${listed(missing)}. ${reasons(weights)}`);
    return outcomeTable(checkpoint, weights, adapted);
  } finally {
    await opened.close();
  }
}

/** Returns a checkpoint under the network's names. Throws {@link InputError} if it holds several networks. */
function named(checkpoint: BiapyCheckpoint, config: Config, parameters: Parameters) {
  try {
    return underOwnNames(checkpoint, new Set(parameters.specs.map(({ name }) => name)));
  } catch (error) {
    if (error instanceof RangeError)
      throw unfit(config, `${checkpoint.path} cannot be used: ${error.message}.`);
    throw error;
  }
}

export interface StartingOptions {
  /** Whether every weight must be present. */
  readonly complete: boolean;
  readonly report: ReportEvent;
}

/** A network's last layer: the meaning of its channels depends on the workflow. */
const HEAD = /^heads\./;

/** Returns a function that says why a head is not loaded, even if its shape fits: its network was trained for another task. */
function foreignHead(
  { config: trainedWith }: BiapyCheckpoint,
  config: Config,
): (name: string) => string | undefined {
  const problem = asObject(trainedWith?.PROBLEM).TYPE;
  const own = config.text("PROBLEM.TYPE");
  if (problem === undefined || problem === own) return () => undefined;
  const reason = `the head belongs to another workflow (${String(problem)}, not ${own})`;
  return (name) => (HEAD.test(name) ? reason : undefined);
}

/** Returns a CSV table of all tensors: taken from the checkpoint, adapted to this network, skipped or fresh, and why. */
function outcomeTable(
  { weights: stored }: BiapyCheckpoint,
  { loaded, skipped, missing }: LoadedWeights,
  adapted: readonly AdaptedWeight[],
): string {
  const shape = (name: string) => stored.get(name)?.shape.join(" x ") ?? "";
  const row = (tensor: string, outcome: string, reason = "") => ({
    tensor,
    shape: shape(tensor),
    outcome,
    reason,
  });
  const rows = [
    ...loaded.map((name) => row(name, "taken")),
    ...adapted.map(({ name, how }) => row(name, "adapted", how)),
    ...skipped.map(({ name, reason }) => row(name, "skipped", reason)),
    ...missing.map((name) => row(name, "fresh", "not taken from the checkpoint")),
  ];
  return `${Papa.unparse(rows, { newline: "\n" })}\n`;
}

/** Removes adapted weights from those that are skipped or missing. */
function without(
  { loaded, skipped, missing }: LoadedWeights,
  adapted: readonly AdaptedWeight[],
): LoadedWeights {
  const names = new Set(adapted.map(({ name }) => name));
  return {
    loaded,
    skipped: skipped.filter(({ name }) => !names.has(name)),
    missing: missing.filter((name) => !names.has(name)),
  };
}

function unfit(config: Config, message: string): InputError {
  const key = config.sets("PATHS.CHECKPOINT_FILE") ? "PATHS.CHECKPOINT_FILE" : "MODEL.LOAD_CHECKPOINT";
  return new InputError([config.problem(key, message)]);
}

const MOST_LISTED = 5;

const listed = (names: readonly string[]) => firstOf(names, MOST_LISTED);

function reasons({ skipped }: LoadedWeights): string {
  return [...groupedByReason(skipped)].map(([reason, names]) => `${listed(names)}: ${reason}`).join("; ");
}

function groupedByReason(skipped: LoadedWeights["skipped"]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { name, reason } of skipped) groups.set(reason, [...(groups.get(reason) ?? []), name]);
  return groups;
}

/** Reports which tensors were loaded, adapted and skipped, and which weights are missing. */
function reportOutcome(
  path: string,
  weights: LoadedWeights,
  adapted: readonly AdaptedWeight[],
  report: ReportEvent,
): void {
  const log = (level: "info" | "warning", message: string) => report({ event: "log", level, message });
  log("info", `${weights.loaded.length} tensors loaded from ${path}.`);
  for (const { name, how } of adapted) log("info", `${name}: ${how}.`);
  for (const [reason, names] of groupedByReason(weights.skipped))
    log("warning", `${names.length} tensors skipped, because ${reason}: ${listed(names)}.`);
  const { missing } = weights;
  if (missing.length > 0)
    log(
      "warning",
      `${missing.length} weights are not taken from the checkpoint and start afresh: ${listed(missing)}.`,
    );
}

/** Returns the number of tokens along each axis of the patch of a checkpoint's configuration; undefined if it has none. */
function tokenGridOf(config: PlainObject | undefined): number[] | undefined {
  // Converting the nested lists of a hostile file to text could take forever.
  const patch = [asObject(config?.DATA).PATCH_SIZE]
    .flat()
    .map((size) => (typeof size === "number" ? size : Number.NaN));
  const token = Number(asObject(config?.MODEL).VIT_TOKEN_SIZE);
  const grid = patch.slice(0, -1).map((size) => size / token);
  return grid.length > 1 && grid.every(Number.isInteger) ? grid : undefined;
}

/** Returns the number of tokens along each axis of this network's patch; undefined for a network without tokens. */
function gridOf(config: Config, parameters: Parameters): number[] | undefined {
  const [, , ...token] = parameters.specs.find(({ name }) => name === PROJECTION)?.shape ?? [];
  if (token.length === 0) return undefined;
  const patch = config.numbers("DATA.PATCH_SIZE");
  return token.map((size, axis) => at(patch, axis) / size);
}

/**
 * Interpolates position embeddings of another grid of tokens (Dosovitskiy et al. 2021, section 3.2). Returns whether it did: the grids must
 * be known and have as many axes.
 */
async function stretchPositions(
  { weights, config: trainedWith }: BiapyCheckpoint,
  config: Config,
  parameters: Parameters,
): Promise<boolean> {
  const found = weights.get(POSITIONS);
  const wanted = parameters.specs.find(({ name }) => name === POSITIONS);
  if (found === undefined || wanted === undefined || found.shape.length !== 3) return false;
  const [, tokens, features] = exactly(found.shape, 3);
  const [from, to] = [tokenGridOf(trainedWith), tokenGridOf(config.toObject())];
  if (from === undefined || to === undefined || features !== wanted.shape[2]) return false;
  if (String(from) === String(to)) return false;
  if (from.length !== to.length || product(from) !== tokens - 1) return false;
  const values = await found.read(new Float32Array(found.size));
  const shape = (grid: readonly number[]): ImageShape => {
    const [y, x] = exactly(grid.slice(-2), 2);
    return [grid.length === 3 ? at(grid, 0) : 1, y, x, features];
  };
  const positions = parameters.values(POSITIONS);
  positions.set(values.subarray(0, features));
  positions.set(resize(values.subarray(features), shape(from), shape(to)), features);
  return true;
}
