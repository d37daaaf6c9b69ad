/**
 * BiaPy's checkpoints, as version 3.7.1 writes and reads them. A `.pth` file is a dict with
 *
 * - `model_build_kwargs`: the arguments that built the model (dict);
 * - `model`: parameters and buffers by name, in the order of the model's tree (OrderedDict of tensors);
 * - `optimizer`: a list of one PyTorch optimizer state (two for GANs): see `optimizer-state.ts`;
 * - `epoch`: `"best"`, or the number of finished epochs;
 * - `cfg`: the whole configuration (nested dicts), from which BiaPy reads `MODEL` and `DATA.NORMALIZATION`;
 * - `biapy_version`.
 *
 * BiaPy ignores other keys, so this engine stores the rest of the state for exact resuming under `engine_state`. Files for other uses
 * have only weights: a dict under `model`, `model_state_dict` or `state_dict`, a bare dict, or a safetensors file. All of them are read.
 */

import { extname } from "node:path";
import { BIAPY_VERSION } from "../facts/biapy-version.ts";
import { CheckpointError } from "./checkpoint-error.ts";
import { type OptimizerState, optimizerDict, optimizerOf } from "./optimizer-state.ts";
import {
  type CheckpointValue,
  nameOf,
  OrderedDict,
  type PlainValue,
  PythonDict,
  toPlain,
} from "./python-values.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "./pytorch.ts";
import { readSafetensors } from "./safetensors.ts";
import { CheckpointTensor } from "./tensor.ts";

/** A dict as plain JavaScript. */
export type PlainObject = Readonly<Record<string, PlainValue>>;

/** An open checkpoint. Its tensors are read on demand until it is closed. */
export interface BiapyCheckpoint {
  readonly path: string;
  readonly weights: ReadonlyMap<string, CheckpointTensor>;
  readonly modelBuildArguments?: PlainObject;
  readonly optimizer?: OptimizerState;
  /** Number of finished epochs, or `"best"` for the checkpoint of the best validation loss. */
  readonly epoch?: number | string;
  readonly config?: PlainObject;
  readonly biapyVersion?: string;
  /** State that this engine added (`saveBiapyCheckpoint`). */
  readonly engineState?: PlainObject;
  close(): Promise<void>;
}

/** The content of a new checkpoint. */
export interface BiapyCheckpointContent {
  /** Parameters and buffers, in the order of the model's tree, which numbers the optimizer's parameters. */
  readonly weights: ReadonlyMap<string, CheckpointTensor>;
  readonly modelBuildArguments: CheckpointValue;
  readonly optimizer?: OptimizerState;
  readonly epoch: number | "best";
  /** Whole numbers are written as `int`. Wrap floats in `PythonFloat` and tuples in `PythonTuple`. */
  readonly config: CheckpointValue;
  /** Further state for exact resuming: step counts, random states, schedule, early stopping. */
  readonly engineState?: CheckpointValue;
}

/**
 * Writes a checkpoint that BiaPy 3.7.1 loads. `path` ends in `.pth`. Throws `CheckpointError`.
 *
 * @param onWritten called when the tensors may change again ({@link writeCheckpoint})
 */
export async function saveBiapyCheckpoint(
  path: string,
  content: BiapyCheckpointContent,
  onWritten?: () => void,
): Promise<void> {
  const weights = await Promise.all(
    [...content.weights].map(async ([name, tensor]) => [name, await asStored(name, tensor)] as const),
  );
  const optimizer = content.optimizer ? [optimizerDict(path, content.optimizer, content.weights)] : [];
  const value = {
    model_build_kwargs: content.modelBuildArguments,
    model: new OrderedDict(weights),
    optimizer,
    epoch: content.epoch,
    cfg: content.config,
    biapy_version: BIAPY_VERSION,
    ...(content.engineState === undefined ? {} : { engine_state: content.engineState }),
  };
  await writeCheckpoint(path, value, onWritten);
}

/**
 * Opens a checkpoint of BiaPy or of this engine, or any file of named weights (`.pth`, `.pt`, `.safetensors`). Throws
 * `CheckpointError`.
 */
export async function loadBiapyCheckpoint(path: string): Promise<BiapyCheckpoint> {
  if (extname(path).toLowerCase() === ".safetensors") {
    const file = await readSafetensors(path);
    const weights = new Map([...file.tensors].map(([name, tensor]) => [ownName(name), tensor]));
    return { path, weights, close: () => file.close() };
  }
  const checkpoint = await readCheckpoint(path);
  try {
    return await interpret(checkpoint);
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

/**
 * Copies a checkpoint and sets its number of epochs, from which BiaPy continues. A best checkpoint has `"best"` instead, and BiaPy
 * would start at 0. Tensors are copied one at a time. Throws `CheckpointError`.
 */
export async function copyWithEpoch(from: string, to: string, epoch: number): Promise<void> {
  const { value, close } = await readCheckpoint(from);
  try {
    if (!(value instanceof PythonDict)) throw new CheckpointError(from, "is not a BiaPy checkpoint.");
    await writeCheckpoint(
      to,
      new PythonDict([...value].filter(([key]) => key !== "epoch")).set("epoch", epoch),
    );
  } finally {
    await close();
  }
}

async function interpret({ path, value, close }: Checkpoint): Promise<BiapyCheckpoint> {
  if (!(value instanceof PythonDict))
    throw new CheckpointError(path, "contains no weights by name, as a model's checkpoint does.");
  const weights = weightsOf(path, stateOf(value));
  return {
    path,
    weights,
    modelBuildArguments: plainObject(value.get("model_build_kwargs")),
    optimizer: await optimizerOf(path, value.get("optimizer"), weights),
    epoch: epochOf(value.get("epoch")),
    config: plainObject(value.get("cfg")),
    biapyVersion: textOf(value.get("biapy_version")),
    engineState: plainObject(value.get("engine_state")),
    close,
  };
}

function stateOf(value: PythonDict): CheckpointValue {
  return value.get("model") ?? value.get("model_state_dict") ?? value.get("state_dict") ?? value;
}

/** Returns a weight's name without the prefixes of PyTorch's wrappers for several GPUs and compiled models. */
const ownName = (name: string): string => name.replace(/^((module|_orig_mod)\.)+/, "");

function weightsOf(path: string, state: CheckpointValue): Map<string, CheckpointTensor> {
  const weights = new Map<string, CheckpointTensor>();
  for (const [name, tensor] of state instanceof PythonDict ? state : [])
    if (typeof name === "string" && tensor instanceof CheckpointTensor) weights.set(ownName(name), tensor);
  if (weights.size > 0) return weights;
  throw new CheckpointError(path, "contains no weights by name, as a model's checkpoint does.");
}

function epochOf(value: CheckpointValue | undefined): number | string | undefined {
  return typeof value === "number" || typeof value === "string" ? value : undefined;
}

function textOf(value: CheckpointValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function plainObject(value: CheckpointValue | undefined): PlainObject | undefined {
  if (!(value instanceof PythonDict)) return undefined;
  return Object.fromEntries([...value].map(([key, item]) => [nameOf(key), toPlain(item)]));
}

/** Converts BatchNorm's count of batches to int64, PyTorch's type. */
async function asStored(name: string, tensor: CheckpointTensor): Promise<CheckpointTensor> {
  if (!name.endsWith("num_batches_tracked") || tensor.dtype === "int64") return tensor;
  const counts = await tensor.read(new Float32Array(tensor.size));
  return CheckpointTensor.of(BigInt64Array.from(counts, BigInt), tensor.shape);
}
