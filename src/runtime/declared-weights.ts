import { trace } from "./onnx/tracing-backend.ts";
import { type Program, ProgramScope, type ScopeHost } from "./program.ts";
import type { WeightSpec } from "./scope.ts";
import { tf } from "./tensor.ts";

/** Traces a program and returns the weights that its layers declare, in order of first use. Throws where shapes do not fit together. */
export function declaredWeights(program: Program): WeightSpec[] {
  const specs = new Map<string, WeightSpec>();
  trace(program.inputs, (inputs, tracer) => {
    const host: ScopeHost = {
      weight: (spec) => {
        const known = specs.get(spec.name);
        if (known !== undefined && String(known.shape) !== String(spec.shape))
          throw new Error(`${spec.name} is declared twice, as [${known.shape}] and as [${spec.shape}].`);
        specs.set(spec.name, spec);
        return tracer.input(spec.name, { shape: spec.shape, type: "float32" });
      },
      uniform: (shape) => tf.zeros([...shape]),
      updateState: () => {},
      entered: (layer) => tracer.enter(layer),
    };
    return program.forward(new ProgramScope(host, program.training), inputs);
  });
  return [...specs.values()];
}
