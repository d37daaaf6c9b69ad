/** Runs programs on a GPU: the whole training step is one graph there, and weights and moments stay in its memory between steps. */
import { entryOf, product } from "../../facts/checked-lists.ts";
import type { CompileOptions, Executable, Runtime, TrainingStep } from "../executable.ts";
import { LossScale } from "../loss-scale.ts";
import { adamRates, type TrainingSettings } from "../optimizer-settings.ts";
import type { Parameters } from "../parameters.ts";
import type { Program } from "../program.ts";
import { DeviceGraph } from "./device-graph.ts";
import { DeviceSession, type DeviceSessionSettings } from "./device-session.ts";
import { DeviceWeights } from "./device-weights.ts";
import { GraphBuilder } from "./graph.ts";
import { hasHalfPrecision } from "./half-precision.ts";
import { overwritable } from "./in-place.ts";
import { encodeModel, type GraphDefinition } from "./model-proto.ts";
import { runtime } from "./native.ts";
import type { Pointer } from "./native-api.ts";
import {
  FINITE,
  GRADIENT,
  INVERSE_LOSS_SCALE,
  LOSS_SCALE,
  type Moment,
  momentInput,
  momentsOf,
  moved,
  STATE,
  traceProgram,
  traceTraining,
} from "./trace-program.ts";

class DeviceExecutable implements Executable {
  constructor(
    private readonly graph: DeviceGraph,
    private readonly parameters: Parameters,
    /** New values of layers' states, by the states' names. */
    private readonly states: ReadonlyMap<string, Float32Array>,
  ) {}

  get inputs() {
    return this.graph.inputs;
  }

  get outputs() {
    return this.graph.outputs;
  }

  async run(seed: number): Promise<void> {
    await this.graph.run(seed);
    for (const [name, values] of this.states) this.parameters.values(name).set(values);
  }

  release(): void {
    this.graph.release();
  }
}

class DeviceTrainingStep implements TrainingStep {
  steps = 0;
  readonly lossScale: LossScale | undefined;

  constructor(
    private readonly graph: DeviceGraph,
    private readonly weights: DeviceWeights,
    private readonly settings: TrainingSettings,
  ) {
    this.lossScale = settings.precision === "mixed" ? new LossScale() : undefined;
  }

  get inputs() {
    return this.graph.inputs;
  }

  get outputs() {
    const { [FINITE]: _, ...outputs } = this.graph.outputs;
    return outputs;
  }

  async run(seed: number, learningRate: number): Promise<void> {
    this.steps++;
    const { optimizer } = this.settings;
    const { lossScale } = this;
    const rates =
      optimizer.kind === "sgd"
        ? { rate: learningRate, shrink: 1 }
        : adamRates(optimizer, this.steps, learningRate);
    for (const [name, value] of Object.entries(rates)) this.graph.set(name, value);
    if (lossScale !== undefined) {
      this.graph.set(LOSS_SCALE, lossScale.scale);
      this.graph.set(INVERSE_LOSS_SCALE, 1 / lossScale.scale);
    }
    await this.graph.run(seed);
    this.weights.stepped();
    if (lossScale === undefined) return;
    const finite = entryOf(this.graph.outputs, FINITE)[0] === 1;
    if (!finite) this.steps--;
    lossScale.stepped(finite);
  }

  release(): void {
    this.graph.release();
  }
}

/** Traces programs to static graphs and runs them with onnxruntime on a GPU. */
export class DeviceRuntime implements Runtime {
  private readonly allocator: Pointer;
  /** Keeps the device open and the allocator valid. */
  private readonly anchor: DeviceSession;
  private readonly weights = new WeakMap<Parameters, DeviceWeights>();

  /**
   * @param device display name
   * @param threads number of threads for the work that stays on the CPU
   * @throws Error with onnxruntime's message, where the device cannot be used
   */
  constructor(
    private readonly settings: DeviceSessionSettings,
    readonly device: string,
    readonly threads: number,
  ) {
    const graph = new GraphBuilder();
    const value = graph.input({ name: "x", type: "float32", shape: [1] });
    const model = encodeModel(graph.finish([{ name: "y", value, type: "float32", shape: [1] }]));
    this.anchor = new DeviceSession(model, { provider: settings.provider });
    this.allocator = this.anchor.allocator();
  }

  whyNotMixed(): string | undefined {
    const { provider } = this.settings;
    if (hasHalfPrecision({ provider })) return undefined;
    return provider.kind === "webgpu"
      ? "has no half-precision arithmetic (WebGPU's shader-f16)"
      : "has no half-precision arithmetic";
  }

  compile(program: Program, parameters: Parameters, options: CompileOptions): DeviceExecutable {
    const graph = traceProgram(program, parameters.specs, options, "gpu");
    const weights = this.weightsOf(parameters);
    const names = this.addWeights(graph, parameters, weights, new Set());
    const named = (prefix: string) =>
      graph.outputs
        .filter((output) => output.name.startsWith(prefix))
        .map(({ name, shape }) => ({ output: name, name: name.slice(prefix.length), shape }));
    const states = named(STATE).map((each) => ({
      ...each,
      values: new Float32Array(product(each.shape)),
    }));
    const gradients = named(GRADIENT).map((each) => ({
      ...each,
      values: parameters.place(each.name, "gradient"),
    }));
    const destinations = Object.fromEntries(
      [...states, ...gradients].map(({ output, values }) => [output, values]),
    );
    return new DeviceExecutable(
      new DeviceGraph(
        graph,
        program,
        weights,
        names,
        this.settings,
        options.gradients ? "gradients" : "prediction",
        destinations,
      ),
      parameters,
      new Map(states.map(({ name, values }) => [name, values])),
    );
  }

  compileTraining(program: Program, parameters: Parameters, settings: TrainingSettings): DeviceTrainingStep {
    const graph = traceTraining(program, parameters.specs, settings);
    const weights = this.weightsOf(parameters);
    const moving = new Set(graph.outputs.map(({ name }) => name));
    const names = this.addWeights(graph, parameters, weights, moving, momentsOf(settings.optimizer));
    const session = new DeviceGraph(graph, program, weights, names, this.settings, "training");
    return new DeviceTrainingStep(session, weights, settings);
  }

  /** Allocates device memory for the weights that a graph reads or changes. Returns the names of those inputs. */
  private addWeights(
    graph: GraphDefinition,
    parameters: Parameters,
    weights: DeviceWeights,
    moving: ReadonlySet<string>,
    moments: readonly Moment[] = [],
  ): ReadonlySet<string> {
    const used = new Set(graph.inputs.map(({ name }) => name));
    const inputs = [...used].filter((name) => moving.has(moved(name)));
    const inPlace = overwritable(graph, Object.fromEntries(inputs.map((name) => [name, moved(name)])));
    const names = new Set<string>();
    const add = (input: string, weight: string, slot: "weight" | Moment) => {
      if (!used.has(input) && !moving.has(moved(input))) return;
      weights.add(input, weight, slot, moving.has(moved(input)) && !inPlace.has(input) ? 2 : 1);
      names.add(input);
    };
    for (const { name } of parameters.specs) {
      add(name, name, "weight");
      for (const moment of moments) add(momentInput(moment, name), name, moment);
    }
    return names;
  }

  /** Returns the bytes of device memory that weights and moments take. */
  heldBytes(parameters: Parameters): number {
    return this.weightsOf(parameters).bytes;
  }

  private weightsOf(parameters: Parameters): DeviceWeights {
    const known = this.weights.get(parameters);
    if (known !== undefined) return known;
    const weights = new DeviceWeights(parameters, this.allocator, { provider: this.settings.provider });
    this.weights.set(parameters, weights);
    parameters.device = weights;
    return weights;
  }

  release(): void {
    runtime().api.releaseAllocator(this.allocator);
    this.anchor.release();
  }
}
