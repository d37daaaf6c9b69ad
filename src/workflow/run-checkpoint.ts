/** A run's checkpoints: BiaPy's format, with what this engine needs to go on exactly where it stopped. */
import {
  type BiapyCheckpoint,
  loadBiapyCheckpoint,
  type OptimizerSettings,
  type ParameterState,
  saveBiapyCheckpoint,
} from "../checkpoint/biapy-checkpoint.ts";
import { type CheckpointValue, PythonTuple } from "../checkpoint/python-values.ts";
import { CheckpointTensor } from "../checkpoint/tensor.ts";
import type { Config } from "../config/config.ts";
import type { BuildArguments } from "../models/architectures.ts";
import type { OptimiserSettings } from "../runtime/optimiser-settings.ts";
import type { Parameters } from "../runtime/parameters.ts";
import type { Precision } from "../runtime/precision.ts";
import type { WeightSpec } from "../runtime/scope.ts";
import type { TrainerState } from "../training/trainer.ts";

export interface RunCheckpointContent {
  readonly parameters: Parameters;
  readonly optimiser: { readonly settings: OptimiserSettings; readonly steps: number };
  readonly learningRate: number;
  readonly buildArguments: BuildArguments;
  readonly config: Config;
  readonly epoch: number | "best";
  readonly state: TrainerState;
}

function optimizerSettings(settings: OptimiserSettings, learningRate: number): OptimizerSettings {
  if (settings.kind === "sgd") {
    const { momentum, weightDecay } = settings;
    return { name: "SGD", learningRate, momentum, nesterov: true, weightDecay };
  }
  const { betas, epsilon, weightDecay } = settings;
  return { name: settings.kind === "adam" ? "ADAM" : "ADAMW", learningRate, betas, epsilon, weightDecay };
}

/** What BiaPy's configuration has as tuples; the rest are lists there too. */
const TUPLES = ["image_shape", "input_shape", "upsampling_factor"];

function asBiapyKeeps(build: BuildArguments): CheckpointValue {
  const kept = Object.entries(build).map(([name, value]): [string, CheckpointValue] => [
    name,
    TUPLES.includes(name) && Array.isArray(value) ? new PythonTuple(value) : value,
  ]);
  return Object.fromEntries(kept);
}

export async function saveRunCheckpoint(path: string, content: RunCheckpointContent): Promise<void> {
  const { parameters, optimiser } = content;
  const tensor = (name: string, slot: "weight" | "first" | "second", shape: readonly number[]) =>
    CheckpointTensor.of(parameters.read(name, slot), shape);
  const memory = ({ name, shape }: WeightSpec): ParameterState => {
    const first = tensor(name, "first", shape);
    if (optimiser.settings.kind === "sgd") return { moments: { momentum_buffer: first } };
    const moments = { exp_avg: first, exp_avg_sq: tensor(name, "second", shape) };
    return { step: optimiser.steps, moments };
  };
  const trained = parameters.specs.filter((spec) => spec.role === "parameter");
  await saveBiapyCheckpoint(path, {
    weights: new Map(parameters.specs.map(({ name, shape }) => [name, tensor(name, "weight", shape)])),
    modelBuildArguments: asBiapyKeeps(content.buildArguments),
    optimizer: {
      settings: optimizerSettings(optimiser.settings, content.learningRate),
      parameters: new Map(trained.map((spec) => [spec.name, memory(spec)])),
    },
    epoch: content.epoch,
    config: content.config.toObject(),
    engineState: { trainer: JSON.stringify(content.state) },
  });
}

/** What became of a checkpoint's tensors. */
export interface LoadedWeights {
  readonly loaded: readonly string[];
  /** Tensors that were not used, with the reason. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  /** Weights of the model that none was found for. */
  readonly missing: readonly string[];
}

/** Reads the weights that a model has, by name and shape. */
export async function loadWeights(
  { weights }: BiapyCheckpoint,
  parameters: Parameters,
): Promise<LoadedWeights> {
  const loaded: string[] = [];
  const skipped: { name: string; reason: string }[] = [];
  const specs = new Map(parameters.specs.map((spec) => [spec.name, spec]));
  for (const [name, tensor] of weights) {
    const spec = specs.get(name);
    if (spec === undefined) skipped.push({ name, reason: "this network has no weights of such names" });
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

/**
 * Goes back to the weights of a run's own checkpoint, and to its moments where `parameters` is to go on training.
 *
 * @returns how far the run was, when the file is one of this engine's. Throws `CheckpointError`.
 */
export async function loadRunCheckpoint(
  path: string,
  parameters: Parameters,
  withMoments: boolean,
): Promise<TrainerState | undefined> {
  const checkpoint = await loadBiapyCheckpoint(path);
  try {
    await loadWeights(checkpoint, parameters);
    if (withMoments && checkpoint.optimizer !== undefined) {
      await parameters.settled();
      for (const [name, { moments }] of checkpoint.optimizer.parameters) {
        await (moments.exp_avg ?? moments.momentum_buffer)?.read(parameters.values(name, "first"));
        await moments.exp_avg_sq?.read(parameters.values(name, "second"));
      }
    }
    return trainerState(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

function trainerState({ engineState }: BiapyCheckpoint): TrainerState | undefined {
  const trainer = engineState?.trainer;
  return typeof trainer === "string" ? (JSON.parse(trainer) as TrainerState) : undefined;
}

/** What the run of a checkpoint trains in. Throws `CheckpointError`. */
export async function trainedPrecision(path: string): Promise<Precision> {
  const checkpoint = await loadBiapyCheckpoint(path);
  try {
    return trainerState(checkpoint)?.lossScale === undefined ? "single" : "mixed";
  } finally {
    await checkpoint.close();
  }
}
