/** How a model declares and reads its weights: where they are used, by the name that a PyTorch checkpoint gives them. */
import type { tf } from "./tensor.ts";

/** How a weight starts. Fans are PyTorch's: of `[out, in, …kernel]`. */
export type Initializer =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "normal"; readonly deviation: number }
  /** Uniform in ±√(6 / (fanIn + fanOut)) (Glorot & Bengio 2010). */
  | { readonly kind: "xavier-uniform" }
  /** Uniform in ±1/√fanIn: PyTorch's start for convolutions and linear layers; biases name their layer's fan. */
  | { readonly kind: "fan-in-uniform"; readonly fanIn?: number }
  /** Normal with deviation √(2 / fanOut) or √(2 / fanIn) (He et al. 2015). */
  | { readonly kind: "kaiming-normal"; readonly fan: "in" | "out" }
  | { readonly kind: "values"; readonly values: () => Float32Array };

export const zeros: Initializer = { kind: "constant", value: 0 };
export const ones: Initializer = { kind: "constant", value: 1 };

/**
 * A weight of a model. `state` is what a checkpoint holds and no gradient moves: fixed position embeddings, and the running
 * statistics that BatchNorm updates itself.
 */
export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initializer: Initializer;
  readonly role: "parameter" | "state";
}

/** A place in a model's tree of layers. */
export interface Scope {
  /** Whether the forward pass is one of training (dropout, batch statistics). */
  readonly training: boolean;
  /** The scope of a child: `scope.at("blocks.0").at("attn")`. */
  at(name: string): Scope;
  /** Declares and returns a weight that the optimizer trains. */
  parameter(name: string, shape: readonly number[], initializer: Initializer): tf.Tensor;
  /** Declares and returns a weight that is not trained. */
  state(name: string, shape: readonly number[], initializer: Initializer): tf.Tensor;
  /** Sets what a state will be after this training step. */
  updateState(name: string, value: tf.Tensor): void;
  /** Fresh random numbers in [0, 1) for every training step: the source of dropout and stochastic depth. */
  uniform(shape: readonly number[]): tf.Tensor;
  /** Names a value that programs may want beside the model's output, such as the encoder's features. Computes nothing. */
  mark(name: string, value: tf.Tensor): void;
}

/** What a model marks: its encoder's features, `[batch, (z,) y, x, feature]`, with fewer and larger pixels than the image. */
export const FEATURES = "features";

/** A scope like `scope` that also hands everything marked in it to `seen`. */
export function watched(scope: Scope, seen: (name: string, value: tf.Tensor) => void): Scope {
  return {
    training: scope.training,
    at: (name) => watched(scope.at(name), seen),
    parameter: (...weight) => scope.parameter(...weight),
    state: (...weight) => scope.state(...weight),
    updateState: (name, value) => scope.updateState(name, value),
    uniform: (shape) => scope.uniform(shape),
    mark: seen,
  };
}
