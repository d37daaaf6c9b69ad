/** Runs programs on the CPU: each is traced to one static graph, which onnxruntime executes. */
import { product } from "../../facts/checked-lists.ts";
import { allocate } from "../buffers.ts";
import type { CompileOptions, Executable, InputData, Runtime, StepMemory } from "../executable.ts";
import type { Parameters } from "../parameters.ts";
import type { Program } from "../program.ts";
import { fillUniform } from "../uniform.ts";
import { CompiledGraph } from "./compiled-graph.ts";
import { type GradientMemory, keptGradients, passingGradients } from "./gradient-memory.ts";
import { cutAtGradients } from "./gradient-parts.ts";
import { partsOf } from "./graph-parts.ts";
import { memoryPlan } from "./memory-plan.ts";
import type { GraphDefinition, ValueDefinition } from "./model-proto.ts";
import { loadOnnxruntime } from "./native.ts";
import type { SessionSettings } from "./native-session.ts";
import { NativeTensor, type TensorData } from "./native-tensor.ts";
import { GRADIENT, STATE, traceProgram, UNIFORM } from "./trace-program.ts";

class OnnxExecutable implements Executable {
  private plan: (() => StepMemory) | StepMemory;
  readonly inputs: Readonly<Record<string, InputData>>;
  readonly outputs: Readonly<Record<string, Float32Array>>;
  private readonly random: readonly Float32Array[];
  /** New values of layers' states, which are copied to the parameters after a run. */
  private readonly newStates: readonly { readonly from: Float32Array; readonly to: Float32Array }[];
  private readonly compiled: CompiledGraph;
  private readonly gradients: GradientMemory | undefined;

  constructor(
    graph: GraphDefinition,
    program: Program,
    private readonly parameters: Parameters,
    { gradients, update }: CompileOptions,
    { threads, profile }: SessionSettings,
  ) {
    const parts = partsOf(graph);
    if (gradients)
      this.gradients =
        update === undefined ? keptGradients(parameters) : passingGradients(parameters, parts, update);
    const isWeight = new Set(parameters.specs.map(({ name }) => name));
    const inputs = graph.inputs.map(({ name, type, shape }) => {
      const data = isWeight.has(name) ? parameters.values(name) : allocate({ shape, type });
      return { name, type, shape, data };
    });
    const gradientOf = (name: string) =>
      name.startsWith(GRADIENT) ? this.gradients?.gradient(name.slice(GRADIENT.length)) : undefined;
    const outputs = graph.outputs.map(({ name, type, shape }) => {
      const data = gradientOf(name) ?? new Float32Array(product(shape));
      return { name, type, shape, data };
    });
    const used = new Map(inputs.map(({ name, data }) => [name, data]));
    // An input that the graph does not use (a mask in a prediction) can still be filled.
    this.inputs = Object.fromEntries(
      Object.entries(program.inputs).map(([name, spec]) => [name, used.get(name) ?? allocate(spec)]),
    );
    const states = outputs.filter(({ name }) => name.startsWith(STATE));
    this.outputs = Object.fromEntries(
      outputs
        .filter((output) => !output.name.startsWith(GRADIENT) && !states.includes(output))
        .map(({ name, data }) => [name, data]),
    );
    this.random = inputs.flatMap(({ name, data }) =>
      name.startsWith(UNIFORM) && data instanceof Float32Array ? [data] : [],
    );
    this.newStates = states.map(({ name, data }) => ({
      from: data,
      to: parameters.values(name.slice(STATE.length)),
    }));
    this.plan = () => stepMemory(graph, (name) => isWeight.has(name.replace(GRADIENT, "")));
    const bound = tensorsOf([...inputs, ...outputs]);
    const purpose = gradients ? "gradients" : "prediction";
    this.compiled = new CompiledGraph(parts, bound, { threads, profile }, purpose);
  }

  async run(seed: number): Promise<void> {
    for (const [draw, values] of this.random.entries()) fillUniform(values, seed, draw);
    await this.parameters.settled();
    await this.compiled.run(this.gradients?.afterPart);
    for (const { from, to } of this.newStates) to.set(from);
  }

  get memory(): StepMemory {
    // Planned when it is asked for, and then the graph can go.
    if (typeof this.plan === "function") this.plan = this.plan();
    return this.plan;
  }

  release(): void {
    this.compiled.release();
  }
}

/** onnxruntime's arena keeps some of what is free between its blocks: up to a fifth of what is in use at the peak (docs/benchmarks.md). */
const ARENA_SHARE = 1.12;

function stepMemory(graph: GraphDefinition, isWeight: (name: string) => boolean): StepMemory {
  const { peakBytes, boundBytes } = memoryPlan(graph, isWeight);
  return { values: peakBytes * ARENA_SHARE, bound: boundBytes };
}

const tensorsOf = (values: readonly (ValueDefinition & { readonly data: TensorData })[]) =>
  new Map(values.map(({ name, type, shape, data }) => [name, new NativeTensor(data, type, shape)]));

/** Runs programs with onnxruntime on the CPU. */
export class OnnxRuntime implements Runtime {
  readonly device: string;
  readonly hasHalfStorage = true;

  constructor(
    readonly threads: number,
    readonly profile?: string,
  ) {
    this.device = `CPU, ${threads} thread${threads === 1 ? "" : "s"} (onnxruntime)`;
  }

  compile(program: Program, parameters: Parameters, options: CompileOptions): OnnxExecutable {
    const graph = cutAtGradients(traceProgram(program, parameters.specs, options));
    return new OnnxExecutable(graph, program, parameters, options, this);
  }
}

/** Opens onnxruntime on the CPU. Throws where it has no binary for this platform or does not load. */
export function openOnnxRuntime(threads: number): OnnxRuntime {
  loadOnnxruntime();
  return new OnnxRuntime(threads);
}
