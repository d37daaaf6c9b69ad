/** How a model declares and reads its weights: where they are used, under their names in a PyTorch checkpoint. */
import type { tf } from "./tensor.ts";

/** How a weight is initialized. Fans are computed as in PyTorch, from `[out, in, …kernel]`. */
export type Initializer =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "normal"; readonly deviation: number }
  /** Uniform in ±√(6 / (fanIn + fanOut)) (Glorot & Bengio 2010). */
  | { readonly kind: "xavier-uniform" }
  /** Uniform in ±1/√fanIn: PyTorch's default for convolutions and linear layers. A bias states the fan of its layer. */
  | { readonly kind: "fan-in-uniform"; readonly fanIn?: number }
  /** Normal with a standard deviation of √(2 / fan) (He et al. 2015). */
  | { readonly kind: "kaiming-normal"; readonly fan: "in" | "out" }
  | { readonly kind: "values"; readonly values: () => Float32Array };

export const zeros: Initializer = { kind: "constant", value: 0 };
export const ones: Initializer = { kind: "constant", value: 1 };

/** A weight of a model. */
export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initializer: Initializer;
  /**
   * The optimizer trains a `parameter`. A `state` is in the checkpoint too, but has no gradient: fixed position embeddings, and the
   * running statistics that batch normalization updates.
   */
  readonly role: "parameter" | "state";
}

/**
 * A layer that a network repeats with other weights. It reads only its scope and `x`, updates no states and draws no random numbers.
 * Repetitions of the same function on the same shapes are traced once.
 */
export type RepeatedLayer = (scope: Scope, x: tf.Tensor) => tf.Tensor;

/** A node in a model's tree of layers. */
export interface Scope {
  /** Whether dropout and batch statistics are active. */
  readonly training: boolean;
  /** Returns the scope of a child layer: `scope.at("blocks.0").at("attn")`. */
  at(name: string): Scope;
  /** Applies a layer in the scope of a child. */
  repeated(name: string, layer: RepeatedLayer, x: tf.Tensor): tf.Tensor;
  /** Declares and returns a weight that the optimizer trains. */
  parameter(name: string, shape: readonly number[], initializer: Initializer): tf.Tensor;
  /** Declares and returns a weight that the optimizer does not train. */
  state(name: string, shape: readonly number[], initializer: Initializer): tf.Tensor;
  /** Sets the value of a state after this training step. */
  updateState(name: string, value: tf.Tensor): void;
  /** Returns uniform random numbers in [0, 1), new in every training step: for dropout and stochastic depth. */
  uniform(shape: readonly number[]): tf.Tensor;
  /** Names an intermediate value, such as the encoder's features, for programs that read it. Computes nothing. */
  mark(name: string, value: tf.Tensor): void;
}

/** The mark of an encoder's features, `[batch, (z,) y, x, feature]`, on a coarser grid than the image. */
export const FEATURES = "features";

/** Returns a scope like `scope` that also calls `onMark` for each marked value. */
export function watched(scope: Scope, onMark: (name: string, value: tf.Tensor) => void): Scope {
  const at = (name: string) => watched(scope.at(name), onMark);
  return {
    training: scope.training,
    at,
    // Not shared with other repetitions: each may mark values.
    repeated: (name, layer, x) => layer(at(name), x),
    parameter: (...weight) => scope.parameter(...weight),
    state: (...weight) => scope.state(...weight),
    updateState: (name, value) => scope.updateState(name, value),
    uniform: (shape) => scope.uniform(shape),
    mark: onMark,
  };
}
