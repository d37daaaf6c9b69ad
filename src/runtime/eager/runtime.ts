/** Runs programs op by op on a TensorFlow.js backend: TensorFlow, or WebAssembly where onnxruntime has no binary. */
import { entryOf, product } from "../../facts/checked-lists.ts";
import { allocate } from "../buffers.ts";
import {
  type CompileOptions,
  type Executable,
  GRADIENT_SQUARES,
  type InputData,
  type Runtime,
} from "../executable.ts";
import type { Parameters } from "../parameters.ts";
import { type Program, ProgramScope, type ScopeHost, type Tensors } from "../program.ts";
import { tf } from "../tensor.ts";
import { fillUniform } from "../uniform.ts";

const LOSS = "loss";

class EagerExecutable implements Executable {
  readonly inputs: Readonly<Record<string, InputData>>;
  readonly outputs: Record<string, Float32Array> = {};

  constructor(
    private readonly backend: string,
    private readonly program: Program,
    private readonly parameters: Parameters,
    private readonly options: CompileOptions,
  ) {
    const named = Object.entries(program.inputs).map(([name, spec]) => [name, allocate(spec)]);
    this.inputs = Object.fromEntries(named);
  }

  async run(seed: number): Promise<void> {
    await this.parameters.settled();
    const previous = tf.engine().backendName;
    tf.setBackend(this.backend);
    try {
      tf.tidy(() => this.compute(seed));
    } finally {
      if (previous) tf.setBackend(previous);
    }
    await this.options.update?.(this.parameters.segments());
  }

  private compute(seed: number): void {
    const { program, parameters, options } = this;
    const weights = Object.fromEntries(
      // A copy: backends keep the array that they are given, and the optimizer changes a weight's memory.
      parameters.specs.map(({ name, shape }) => [
        name,
        tf.tensor(parameters.values(name).slice(), [...shape]),
      ]),
    );
    const inputs = Object.fromEntries(
      Object.entries(program.inputs).map(([name, { shape, type }]) => [
        name,
        tf.tensor(entryOf(this.inputs, name).slice(), [...shape], type),
      ]),
    );
    const updates: Record<string, tf.Tensor> = {};
    let outputs: Tensors = {};
    const forward = () => {
      const scope = new ProgramScope(eagerHost(weights, updates, seed), program.training);
      outputs = program.forward(scope, inputs);
      for (const output of Object.values(outputs)) tf.keep(output);
      return outputs;
    };
    if (options.gradients) this.differentiate(() => entryOf(forward(), LOSS), weights);
    else forward();
    for (const [name, output] of Object.entries(outputs)) {
      this.outputs[name] = Float32Array.from(output.dataSync());
      output.dispose();
    }
    for (const [name, update] of Object.entries(updates)) {
      parameters.values(name).set(update.dataSync());
      update.dispose();
    }
  }

  /** Writes the gradients of the loss to the parameters' gradient slots. */
  private differentiate(computeLoss: () => tf.Tensor, weights: Tensors): void {
    const { parameters, options } = this;
    const names = parameters.specs.filter(({ role }) => role === "parameter").map(({ name }) => name);
    const { grads } = tf.engine().gradients(
      computeLoss,
      names.map((name) => entryOf(weights, name)),
      undefined,
      true,
    );
    let squares = 0;
    names.forEach((name, index) => {
      const slot = parameters.values(name, "gradient");
      const gradient = grads[index];
      // A weight that the loss does not depend on has no gradient.
      if (gradient == null) slot.fill(0);
      else slot.set(gradient.dataSync());
      if (options.gradientSquares) for (const value of slot) squares += value * value;
    });
    if (options.gradientSquares) this.outputs[GRADIENT_SQUARES] = Float32Array.of(squares);
  }

  release(): void {}
}

function eagerHost(weights: Tensors, updates: Record<string, tf.Tensor>, seed: number): ScopeHost {
  let drawn = 0;
  return {
    weight: ({ name }) => updates[name] ?? entryOf(weights, name),
    uniform: (shape) => {
      const values = new Float32Array(product(shape));
      fillUniform(values, seed, drawn++);
      return tf.tensor(values, [...shape]);
    },
    updateState: (name, value) => {
      updates[name] = tf.keep(value);
    },
  };
}

/** Runs each op of a program when TensorFlow.js calls it. */
export class EagerRuntime implements Runtime {
  /** @param backend a registered TensorFlow.js backend: `wasm`, `cpu`, `tensorflow` */
  constructor(
    private readonly backend: string,
    readonly device: string,
    readonly threads: number,
  ) {}

  compile(program: Program, parameters: Parameters, options: CompileOptions): Executable {
    return new EagerExecutable(this.backend, program, parameters, options);
  }
}
