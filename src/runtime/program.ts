/** Programs: models with their inputs and outputs. */
import type { Initializer, RepeatedLayer, Scope, WeightSpec } from "./scope.ts";
import type { tf } from "./tensor.ts";

/** An input of a program. */
export interface InputSpec {
  readonly shape: readonly number[];
  readonly type: "float32" | "int32" | "bool";
}

export type Tensors = Readonly<Record<string, tf.Tensor>>;

/** A model with its inputs and outputs, for training or prediction. A training program has a scalar output `loss`. */
export interface Program {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /** Whether dropout and batch statistics are active. */
  readonly training: boolean;
  forward(scope: Scope, inputs: Tensors): Tensors;
}

/** What a {@link ProgramScope} needs from the code that runs or traces the program. */
export interface ScopeHost {
  weight(spec: WeightSpec): tf.Tensor;
  uniform(shape: readonly number[]): tf.Tensor;
  updateState(name: string, value: tf.Tensor): void;
  /** Applies a layer whose weights have names that start with `prefix`. Absent where repetitions are not shared. */
  repeated?(prefix: string, layer: RepeatedLayer, x: tf.Tensor): tf.Tensor;
  /** Called when a layer declares a weight or enters a child. Operations that follow are assumed to belong to that layer. */
  entered?(layer: string): void;
}

/** The scope of a program's layers. It requests weights from `host` by their full names. */
export class ProgramScope implements Scope {
  constructor(
    private readonly host: ScopeHost,
    readonly training: boolean,
    private readonly prefix = "",
  ) {}

  at(name: string): Scope {
    const child = `${this.prefix}${name}`;
    this.host.entered?.(child);
    return new ProgramScope(this.host, this.training, `${child}.`);
  }

  repeated(name: string, layer: RepeatedLayer, x: tf.Tensor): tf.Tensor {
    if (this.host.repeated === undefined) return layer(this.at(name), x);
    const child = `${this.prefix}${name}`;
    this.host.entered?.(child);
    return this.host.repeated(`${child}.`, layer, x);
  }

  parameter(name: string, shape: readonly number[], initializer: Initializer): tf.Tensor {
    this.enter();
    return this.host.weight({ name: this.prefix + name, shape, initializer, role: "parameter" });
  }

  state(name: string, shape: readonly number[], initializer: Initializer): tf.Tensor {
    this.enter();
    return this.host.weight({ name: this.prefix + name, shape, initializer, role: "state" });
  }

  updateState(name: string, value: tf.Tensor): void {
    this.host.updateState(this.prefix + name, value);
  }

  uniform(shape: readonly number[]): tf.Tensor {
    this.enter();
    return this.host.uniform(shape);
  }

  mark(): void {}

  private enter(): void {
    this.host.entered?.(this.prefix.replace(/\.$/, ""));
  }
}
