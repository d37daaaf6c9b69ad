/**
 * The state of a PyTorch optimizer in BiaPy's checkpoints.
 *
 * It numbers parameters: index i is the i-th parameter in the order of `model`. Buffers (BatchNorm's running statistics) have no index.
 * Frozen parameters (MAE's position embeddings) have an index and no state. BiaPy puts all parameters in one group, biases and norms
 * included, so that weight decay (`TRAIN.W_DECAY`, 0.02) applies to all.
 *
 * Defaults: SGD with Nesterov momentum 0.9 (timm's "sgd"), learning rate 1e-4; ADAM and ADAMW with betas 0.9 and 0.999
 * (`TRAIN.OPT_BETAS`), epsilon 1e-8, no AMSGrad. ADAM uses L2 regularization, ADAMW decoupled weight decay. Gradients are clipped by
 * their total norm only if `TRAIN.GRADIENT_CLIP_NORM` is above 0 (default 0). A step whose gradients are not finite is skipped.
 *
 * BiaPy 3.7.1 itself never restores an optimizer, since it loads a checkpoint before it creates the optimizer.
 */
import { CheckpointError } from "./checkpoint-error.ts";
import { type CheckpointValue, isList, PythonDict, PythonFloat, PythonTuple } from "./python-values.ts";
import { CheckpointTensor } from "./tensor.ts";

/** An optimizer's name in BiaPy, and its settings. */
export type SavedOptimizer =
  | {
      readonly name: "ADAM" | "ADAMW";
      readonly learningRate: number;
      readonly betas: readonly [number, number];
      readonly epsilon: number;
      readonly weightDecay: number;
    }
  | {
      readonly name: "SGD";
      readonly learningRate: number;
      readonly momentum: number;
      readonly nesterov: boolean;
      readonly weightDecay: number;
    };

/** The optimizer's state of one parameter. */
export interface ParameterState {
  /** Number of updates. Absent for SGD. */
  readonly step?: number;
  /** `exp_avg` and `exp_avg_sq` (ADAM, ADAMW) or `momentum_buffer` (SGD), in the parameter's shape. */
  readonly moments: Readonly<Record<string, CheckpointTensor>>;
}

/** An optimizer's settings, and its state of each parameter. */
export interface OptimizerState {
  readonly settings: SavedOptimizer;
  /** By the parameters' names. Frozen parameters, and those without a gradient so far, have no state. */
  readonly parameters: ReadonlyMap<string, ParameterState>;
}

/** Whether a weight is a buffer. BatchNorm's statistics are the only buffers of BiaPy's models. */
function isBuffer(name: string): boolean {
  return /(^|\.)(running_mean|running_var|num_batches_tracked)$/.test(name);
}

function parameterNames(weights: ReadonlyMap<string, CheckpointTensor>): string[] {
  return [...weights.keys()].filter((name) => !isBuffer(name));
}

/** Returns the state as BiaPy stores it. Throws `CheckpointError` if it has parameters that `weights` lacks. */
export function optimizerDict(
  path: string,
  { settings, parameters }: OptimizerState,
  weights: ReadonlyMap<string, CheckpointTensor>,
): CheckpointValue {
  const names = parameterNames(weights);
  const unknown = [...parameters.keys()].find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new CheckpointError(
      path,
      `cannot store the optimizer's state of "${unknown}", which is not a parameter of the model.`,
    );
  const state = new PythonDict();
  for (const [index, name] of names.entries()) {
    const memory = parameters.get(name);
    if (memory) state.set(index, parameterDict(memory));
  }
  return { state, param_groups: [{ ...groupOf(settings), params: names.map((_, index) => index) }] };
}

function parameterDict({ step, moments }: ParameterState): CheckpointValue {
  // PyTorch stores the step as a float32 tensor for each parameter.
  return step === undefined ? moments : { step: CheckpointTensor.of(Float32Array.of(step), []), ...moments };
}

/** Returns the settings under PyTorch's names, with its defaults for the others. */
function groupOf(settings: SavedOptimizer): Record<string, CheckpointValue> {
  const common = { maximize: false, foreach: null, differentiable: false, fused: null };
  const lr = new PythonFloat(settings.learningRate);
  const weight_decay = new PythonFloat(settings.weightDecay);
  if (settings.name === "SGD") {
    const { nesterov } = settings;
    return {
      lr,
      momentum: new PythonFloat(settings.momentum),
      dampening: 0,
      weight_decay,
      nesterov,
      ...common,
    };
  }
  return {
    lr,
    betas: new PythonTuple(settings.betas.map((beta) => new PythonFloat(beta))),
    eps: new PythonFloat(settings.epsilon),
    weight_decay,
    amsgrad: false,
    capturable: false,
    decoupled_weight_decay: settings.name === "ADAMW",
    ...common,
  };
}

/** Returns the optimizer's state, or undefined if there is none or it is not a single group of all parameters. */
export async function optimizerOf(
  path: string,
  value: CheckpointValue | undefined,
  weights: ReadonlyMap<string, CheckpointTensor>,
): Promise<OptimizerState | undefined> {
  // Versions before 3.6 store the state without a list.
  const states = value !== undefined && isList(value) ? value : [value];
  const [state] = states;
  if (states.length !== 1 || !(state instanceof PythonDict)) return undefined;
  const settings = settingsOf(state.get("param_groups"));
  const memories = state.get("state");
  if (!settings || !(memories instanceof PythonDict)) return undefined;
  const names = parameterNames(weights);
  if (settings.parameters !== names.length) return undefined;
  const parameters = new Map<string, ParameterState>();
  for (const [index, memory] of memories) {
    const name = names[Number(index)];
    if (name === undefined || !(memory instanceof PythonDict))
      throw new CheckpointError(
        path,
        `is damaged: its optimizer has a state for parameter ${String(index)}.`,
      );
    parameters.set(name, await parameterState(path, name, memory, weights.get(name)?.shape ?? []));
  }
  return { settings: settings.optimizer, parameters };
}

async function parameterState(
  path: string,
  name: string,
  memory: PythonDict,
  shape: readonly number[],
): Promise<ParameterState> {
  const moments: Record<string, CheckpointTensor> = {};
  for (const [key, tensor] of memory) {
    if (key === "step" || !(tensor instanceof CheckpointTensor)) continue;
    if (String(tensor.shape) !== String(shape))
      throw new CheckpointError(
        path,
        `is inconsistent: ${String(key)} of "${name}" has shape [${tensor.shape}], but the weight has [${shape}].`,
      );
    moments[String(key)] = tensor;
  }
  const step = await stepOf(memory.get("step"));
  return step === undefined ? { moments } : { step, moments };
}

async function stepOf(value: CheckpointValue | undefined): Promise<number | undefined> {
  if (value instanceof CheckpointTensor && value.size === 1) return Number((await value.read())[0]);
  return numberOf(value);
}

function settingsOf(
  groups: CheckpointValue | undefined,
): { optimizer: SavedOptimizer; parameters: number } | undefined {
  const [group, ...others] = groups !== undefined && isList(groups) ? groups : [];
  if (!(group instanceof PythonDict) || others.length > 0) return undefined;
  const indices = group.get("params");
  const optimizer = group.has("betas") ? adamSettings(group) : sgdSettings(group);
  if (!optimizer || indices === undefined || !isList(indices)) return undefined;
  return { optimizer, parameters: indices.length };
}

function adamSettings(group: PythonDict): SavedOptimizer | undefined {
  const betas = group.get("betas");
  const [first, second] = betas === undefined ? [] : sequenceOf(betas);
  const numbers = [group.get("lr"), first, second, group.get("eps"), group.get("weight_decay")].map(numberOf);
  const [learningRate, beta1, beta2, epsilon, weightDecay] = numbers;
  if (learningRate === undefined || beta1 === undefined || beta2 === undefined) return undefined;
  if (epsilon === undefined || weightDecay === undefined) return undefined;
  const name = group.get("decoupled_weight_decay") === false ? "ADAM" : "ADAMW";
  return { name, learningRate, betas: [beta1, beta2], epsilon, weightDecay };
}

function sgdSettings(group: PythonDict): SavedOptimizer | undefined {
  const learningRate = numberOf(group.get("lr"));
  const momentum = numberOf(group.get("momentum"));
  const weightDecay = numberOf(group.get("weight_decay"));
  if (learningRate === undefined || momentum === undefined || weightDecay === undefined) return undefined;
  return { name: "SGD", learningRate, momentum, nesterov: group.get("nesterov") === true, weightDecay };
}

function numberOf(value: CheckpointValue | undefined): number | undefined {
  if (value instanceof PythonFloat) return value.value;
  return typeof value === "number" ? value : undefined;
}

/** Betas are a list in BiaPy's configuration and a tuple in PyTorch's state. */
function sequenceOf(value: CheckpointValue): readonly CheckpointValue[] {
  if (value instanceof PythonTuple) return value.items;
  return isList(value) ? value : [];
}
