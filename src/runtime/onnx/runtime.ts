import { allocate, elementCount } from "../buffers.ts";
import type { CompileOptions, Executable, InputData, Runtime } from "../executable.ts";
import type { Parameters } from "../parameters.ts";
import type { Program } from "../program.ts";
import { fillUniform } from "../uniform.ts";
import { channelBlock, withBlockedConvolutions } from "./blocked-convolutions.ts";
import { encodeModel, type GraphDefinition } from "./model-proto.ts";
import { loadOnnxruntime, NativeSession, NativeTensor, type TensorData } from "./native.ts";
import { GRADIENT, STATE, traceProgram, UNIFORM } from "./trace-program.ts";

class OnnxExecutable implements Executable {
  readonly inputs: Readonly<Record<string, InputData>>;
  readonly outputs: Readonly<Record<string, Float32Array>>;
  private readonly random: readonly Float32Array[];
  private readonly moved: readonly { readonly from: Float32Array; readonly to: Float32Array }[];

  private readonly session: NativeSession;

  constructor(
    graph: GraphDefinition,
    program: Program,
    parameters: Parameters,
    threads: number,
    profile?: string,
  ) {
    const isWeight = new Set(parameters.specs.map((spec) => spec.name));
    const data = new Map<string, TensorData>();
    for (const input of graph.inputs) {
      data.set(
        input.name,
        isWeight.has(input.name)
          ? parameters.values(input.name)
          : allocate({ shape: input.shape, type: input.type as "float32" }),
      );
    }
    for (const output of graph.outputs) {
      const gradient = output.name.startsWith(GRADIENT);
      data.set(
        output.name,
        gradient
          ? parameters.values(output.name.slice(GRADIENT.length), "gradient")
          : new Float32Array(elementCount(output.shape)),
      );
    }
    const named = (names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, data.get(name) ?? new Float32Array(0)]));
    // An input that the graph has no use for (a mask when only predicting) can still be filled.
    const unused = Object.entries(program.inputs).filter(([name]) => !data.has(name));
    for (const [name, spec] of unused) data.set(name, allocate(spec));
    this.inputs = named(Object.keys(program.inputs)) as Record<string, InputData>;
    const outputNames = graph.outputs.map((output) => output.name);
    this.outputs = named(outputNames.filter((name) => !/^(gradient|state):/.test(name))) as Record<
      string,
      Float32Array
    >;
    this.random = Object.values(
      named(graph.inputs.map((input) => input.name).filter((name) => name.startsWith(UNIFORM))),
    ) as Float32Array[];
    this.moved = outputNames
      .filter((name) => name.startsWith(STATE))
      .map((name) => ({
        from: data.get(name) as Float32Array,
        to: parameters.values(name.slice(STATE.length)),
      }));
    const bind = (values: GraphDefinition["inputs"]) =>
      Object.fromEntries(
        values.map(({ name, type, shape }) => [
          name,
          new NativeTensor(data.get(name) ?? new Float32Array(0), type, shape),
        ]),
      );
    const bound = { inputs: bind(graph.inputs), outputs: bind(graph.outputs) };
    this.session = new NativeSession(encodeModel(graph), { threads, profile }, bound);
    parameters.settle();
  }

  async run(seed: number): Promise<void> {
    this.random.forEach((values, index) => {
      fillUniform(values, seed + 0x1000193 * index);
    });
    await this.session.run();
    for (const { from, to } of this.moved) to.set(from);
  }

  endProfile(): void {
    this.session.endProfile();
  }

  release(): void {
    this.session.release();
  }
}

/** Traces programs to static graphs and runs them by onnxruntime on the CPU. */
export class OnnxRuntime implements Runtime {
  readonly device: string;

  constructor(
    readonly threads: number,
    private readonly profile?: string,
  ) {
    this.device = `CPU, ${threads} thread${threads === 1 ? "" : "s"} (onnxruntime)`;
  }

  compile(program: Program, parameters: Parameters, options: CompileOptions): OnnxExecutable {
    const graph = withBlockedConvolutions(traceProgram(program, parameters.specs, options), channelBlock());
    return new OnnxExecutable(graph, program, parameters, this.threads, this.profile);
  }
}

/** Throws when onnxruntime has no binary here, or it does not load. */
export function openOnnxRuntime(threads: number): OnnxRuntime {
  loadOnnxruntime();
  return new OnnxRuntime(threads);
}
