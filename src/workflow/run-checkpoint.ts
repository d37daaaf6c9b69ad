/** A run's checkpoints: BiaPy's format, with what this engine needs to resume exactly. */
import { existsSync } from "node:fs";
import * as v from "valibot";
import {
  type BiapyCheckpoint,
  loadBiapyCheckpoint,
  type PlainObject,
  saveBiapyCheckpoint,
} from "../checkpoint/biapy-checkpoint.ts";
import { CheckpointError } from "../checkpoint/checkpoint-error.ts";
import type { ParameterState, SavedOptimizer } from "../checkpoint/optimizer-state.ts";
import { type CheckpointValue, PythonTuple } from "../checkpoint/python-values.ts";
import { CheckpointTensor } from "../checkpoint/tensor.ts";
import type { Config } from "../config/config.ts";
import { DamagedFileError, parseJson } from "../facts/files/regular-file.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import type { BuildArguments } from "../models/build-arguments.ts";
import type { OptimizerSettings } from "../runtime/optimizer-settings.ts";
import type { Parameters } from "../runtime/parameters.ts";
import { PRECISIONS } from "../runtime/precision.ts";
import type { WeightSpec } from "../runtime/scope.ts";
import { notFinite } from "../training/diverged-error.ts";
import type { TrainerState } from "../training/trainer.ts";

/** Fingerprints of the images that are trained on (`same-training.ts`). */
const imageFingerprints = v.object({ TRAIN: v.optional(v.string()), VAL: v.optional(v.string()) });
export type ImageFingerprints = Readonly<v.InferOutput<typeof imageFingerprints>>;

const trainingIdentity = v.object({
  /** `RunState.training`. */
  training: v.string(),
  /** `--norm_pix_loss` */
  normalizePixels: v.boolean(),
  /** Absent in checkpoints of earlier versions. */
  precision: v.optional(v.picklist(PRECISIONS)),
  images: imageFingerprints,
});
/** What identifies a training besides its configuration. */
export type TrainingIdentity = Readonly<v.InferOutput<typeof trainingIdentity>>;

export interface RunCheckpointContent {
  readonly parameters: Parameters;
  readonly optimizer: { readonly settings: OptimizerSettings; readonly steps: number };
  readonly learningRate: number;
  readonly buildArguments: BuildArguments;
  readonly config: Config;
  readonly epoch: number | "best";
  readonly state: TrainerState;
  readonly identity: TrainingIdentity;
}

/** Returns the optimizer's settings in the form of BiaPy's checkpoints. */
function savedOptimizer(settings: OptimizerSettings, learningRate: number): SavedOptimizer {
  if (settings.kind === "sgd") {
    const { momentum, weightDecay } = settings;
    return { name: "SGD", learningRate, momentum, nesterov: true, weightDecay };
  }
  const { betas, epsilon, weightDecay } = settings;
  return { name: settings.kind === "adam" ? "ADAM" : "ADAMW", learningRate, betas, epsilon, weightDecay };
}

/** Keys that are tuples in BiaPy's configuration; the others are lists. */
const TUPLES = ["image_shape", "input_shape", "upsampling_factor"];

/** Returns the build arguments with the types that BiaPy gives them. */
function asBiapyKeeps(build: BuildArguments): CheckpointValue {
  const kept = Object.entries(build).map(([name, value]): [string, CheckpointValue] => [
    name,
    TUPLES.includes(name) && Array.isArray(value) ? new PythonTuple(value) : value,
  ]);
  return Object.fromEntries(kept);
}

/**
 * Writes a checkpoint of a run. Throws `CheckpointError`, and `DivergedError` if a weight is not finite.
 *
 * @param onWritten called when the weights may change again, before the checkpoint is synced to the disk
 */
export async function saveRunCheckpoint(
  path: string,
  content: RunCheckpointContent,
  onWritten?: () => void,
): Promise<void> {
  const { parameters, optimizer, state } = content;
  const broken = parameters.specs.find(({ name }) => !allFinite(parameters.read(name)));
  if (broken !== undefined) {
    const place = `epoch ${state.epoch + 1}, step ${state.step}`;
    const first = state.optimizerSteps === 0;
    throw notFinite(`A weight (${broken.name})`, place, content.learningRate, first);
  }
  const tensor = (name: string, slot: "weight" | "first" | "second", shape: readonly number[]) =>
    CheckpointTensor.of(parameters.read(name, slot), shape);
  const memory = ({ name, shape }: WeightSpec): ParameterState => {
    const first = tensor(name, "first", shape);
    if (optimizer.settings.kind === "sgd") return { moments: { momentum_buffer: first } };
    const moments = { exp_avg: first, exp_avg_sq: tensor(name, "second", shape) };
    return { step: optimizer.steps, moments };
  };
  const trained = parameters.specs.filter((spec) => spec.role === "parameter");
  const saved = {
    weights: new Map(parameters.specs.map(({ name, shape }) => [name, tensor(name, "weight", shape)])),
    modelBuildArguments: asBiapyKeeps(content.buildArguments),
    optimizer: {
      settings: savedOptimizer(optimizer.settings, content.learningRate),
      parameters: new Map(trained.map((spec) => [spec.name, memory(spec)])),
    },
    epoch: content.epoch,
    config: content.config.toObject(),
    engineState: { trainer: JSON.stringify(content.state), identity: JSON.stringify(content.identity) },
  };
  await saveBiapyCheckpoint(path, saved, onWritten);
}

function allFinite(values: Float32Array): boolean {
  // x - x is 0 only for finite x. Summing it is several times faster than testing each value.
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += (values[at] ?? 0) - (values[at] ?? 0);
  return sum === 0;
}

/** Which of a checkpoint's tensors were used. */
export interface LoadedWeights {
  readonly loaded: readonly string[];
  /** Tensors that were not used, with the reason. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  /** Weights of the model without a matching tensor. */
  readonly missing: readonly string[];
}

/**
 * Reads the weights that a model has, by name and shape.
 *
 * @param unwanted returns why the weight of a name must not be loaded; undefined for others
 */
export async function loadWeights(
  { weights }: BiapyCheckpoint,
  parameters: Parameters,
  unwanted: (name: string) => string | undefined = () => undefined,
): Promise<LoadedWeights> {
  const loaded: string[] = [];
  const skipped: { name: string; reason: string }[] = [];
  const specs = new Map(parameters.specs.map((spec) => [spec.name, spec]));
  for (const [name, tensor] of weights) {
    const spec = specs.get(name);
    const reason = unwanted(name);
    if (reason !== undefined) skipped.push({ name, reason });
    else if (spec === undefined) skipped.push({ name, reason: "this network has no weights of such names" });
    else if (String(spec.shape) !== String(tensor.shape)) {
      skipped.push({ name, reason: `the shape [${tensor.shape}] is not this network's [${spec.shape}]` });
    } else {
      await tensor.read(parameters.values(name));
      loaded.push(name);
    }
  }
  const found = new Set(loaded);
  return { loaded, skipped, missing: [...specs.keys()].filter((name) => !found.has(name)) };
}

/** The header of a run's checkpoint, without the weights. */
export interface CheckpointHeader {
  readonly path: string;
  readonly state: TrainerState;
  readonly identity: TrainingIdentity;
  /** The configuration of its training. */
  readonly config: PlainObject;
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const finite = v.pipe(v.number(), v.finite());
const metrics = v.record(v.string(), finite);

/** A {@link TrainerState} as stored: earlier versions spell `optimizerSteps` in another way. */
const storedState = v.object({
  epoch: count,
  step: count,
  stepsPerEpoch: count,
  optimizerSteps: v.optional(count),
  optimiserSteps: v.optional(count),
  schedule: v.object({ scale: finite, best: v.nullable(finite), epochsWithoutGain: count }),
  lossScale: v.optional(v.object({ scale: finite, steps: count })),
  bestLoss: v.nullable(finite),
  bestEpoch: v.nullable(count),
  epochsWithoutGain: count,
  sums: metrics,
  counts: metrics,
});

/** Reads the header of a checkpoint; undefined for a file that this engine did not write. Throws `CheckpointError`. */
export async function readHeader(path: string): Promise<CheckpointHeader | undefined> {
  const checkpoint = await loadBiapyCheckpoint(path);
  try {
    const { engineState, config } = checkpoint;
    if (engineState === undefined || config === undefined) return undefined;
    const { trainer, identity } = engineState;
    if (typeof trainer !== "string" || typeof identity !== "string") return undefined;
    const {
      optimiserSteps = 0,
      optimizerSteps = optimiserSteps,
      ...others
    } = parsed(path, trainer, storedState);
    return {
      path,
      state: { ...others, optimizerSteps },
      identity: parsed(path, identity, trainingIdentity),
      config,
    };
  } finally {
    await checkpoint.close();
  }
}

/** Parses and validates a part of the engine's state. Throws `CheckpointError`. */
function parsed<const S extends v.GenericSchema>(path: string, text: string, schema: S): v.InferOutput<S> {
  try {
    return parseJson(text, schema);
  } catch (error) {
    if (!(error instanceof DamagedFileError)) throw error;
    throw new CheckpointError(path, `is damaged: the state of its training ${error.message}.`);
  }
}

export interface RunCheckpoints {
  /** Those of the training, the furthest first. */
  readonly headers: readonly CheckpointHeader[];
  /** Why others cannot be read. */
  readonly damaged: readonly CheckpointError[];
}

/**
 * Finds the checkpoints of a training to resume from, last and best.
 *
 * @param training the id in the run's state; undefined for the id in the files
 */
export async function runCheckpoints(tree: ResultTree, training?: string): Promise<RunCheckpoints> {
  const headers: CheckpointHeader[] = [];
  const damaged: CheckpointError[] = [];
  for (const path of [tree.lastCheckpoint, tree.bestCheckpoint].filter((file) => existsSync(file))) {
    try {
      const header = await readHeader(path);
      if (header !== undefined) headers.push(header);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      damaged.push(error);
    }
  }
  const own = training ?? headers[0]?.identity.training;
  return { headers: headers.filter(({ identity }) => identity.training === own).sort(furtherFirst), damaged };
}

function furtherFirst({ state: one }: CheckpointHeader, { state: other }: CheckpointHeader): number {
  return other.epoch - one.epoch || other.step - one.step;
}

/**
 * Reads the weights of a run's own checkpoint, and its moments where `parameters` is to train on.
 * Throws `CheckpointError`, also if the file lacks a weight.
 */
export async function loadRunCheckpoint(
  path: string,
  parameters: Parameters,
  withMoments: boolean,
): Promise<void> {
  const checkpoint = await loadBiapyCheckpoint(path);
  try {
    const { missing } = await loadWeights(checkpoint, parameters);
    if (missing.length > 0)
      throw new CheckpointError(path, `is of another network: it has no weights for ${missing[0]}.`);
    if (withMoments && checkpoint.optimizer !== undefined) {
      await parameters.settled();
      for (const [name, { moments }] of checkpoint.optimizer.parameters) {
        await (moments.exp_avg ?? moments.momentum_buffer)?.read(parameters.values(name, "first"));
        await moments.exp_avg_sq?.read(parameters.values(name, "second"));
      }
    }
  } finally {
    await checkpoint.close();
  }
}
