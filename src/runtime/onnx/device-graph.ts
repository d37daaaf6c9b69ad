/** Graphs that run on a GPU. */
import { product } from "../../facts/checked-lists.ts";
import { allocate } from "../buffers.ts";
import { DeviceMemoryError } from "../device-memory-error.ts";
import type { InputData } from "../executable.ts";
import type { Program } from "../program.ts";
import { fillUniform } from "../uniform.ts";
import { type Binding, DeviceSession, type DeviceSessionSettings } from "./device-session.ts";
import type { DeviceWeights } from "./device-weights.ts";
import { programModel } from "./dump-graph.ts";
import type { GraphDefinition } from "./model-proto.ts";
import { NativeTensor } from "./native-tensor.ts";
import { moved, UNIFORM } from "./trace-program.ts";

/** Returns the largest buffer of the device, in bytes. The environment variable simulates a device with small buffers, for tests. */
const largestBuffer = () => Number(process.env.BIAPY_LARGEST_DEVICE_BUFFER ?? Number.POSITIVE_INFINITY);

/** A graph on the device. Weights stay there. Other inputs are sent before a run, and other outputs fetched after it. */
export class DeviceGraph {
  readonly inputs: Readonly<Record<string, InputData>>;
  readonly outputs: Readonly<Record<string, Float32Array>>;
  private readonly session: DeviceSession;
  private readonly sent = new Map<string, NativeTensor>();
  private readonly fetched = new Map<string, NativeTensor>();
  private readonly random: readonly Float32Array[];
  /** One binding for each value of {@link DeviceWeights.current}. */
  private readonly bindings: (Binding | undefined)[] = [];
  private boundVersion = -1;

  /** @param destinations arrays for outputs that are not new values of weights. Defaults to new arrays. */
  constructor(
    private readonly graph: GraphDefinition,
    program: Program,
    private readonly weights: DeviceWeights,
    private readonly isWeight: ReadonlySet<string>,
    settings: DeviceSessionSettings,
    purpose: string,
    destinations: Readonly<Record<string, Float32Array>> = {},
  ) {
    const inputs = new Map<string, InputData>();
    const outputs = new Map<string, Float32Array>();
    for (const { name, shape, type } of graph.inputs.filter(({ name }) => !isWeight.has(name))) {
      const values = allocate({ shape, type });
      if (values.byteLength > largestBuffer())
        throw new DeviceMemoryError(
          `${name} takes ${values.byteLength} bytes, more than the device's largest buffer.`,
        );
      inputs.set(name, values);
      this.sent.set(name, new NativeTensor(values, type, shape));
    }
    for (const { name, shape, type } of graph.outputs.filter((output) => !this.isMoved(output.name))) {
      const values = destinations[name] ?? new Float32Array(product(shape));
      outputs.set(name, values);
      this.fetched.set(name, new NativeTensor(values, type, shape));
    }
    this.random = [...inputs].flatMap(([name, values]) =>
      name.startsWith(UNIFORM) && values instanceof Float32Array ? [values] : [],
    );
    // An input that the graph does not use can still be filled.
    this.inputs = Object.fromEntries(
      Object.entries(program.inputs).map(([name, spec]) => [name, inputs.get(name) ?? allocate(spec)]),
    );
    this.outputs = Object.fromEntries([...outputs].filter(([name]) => !(name in destinations)));
    this.session = new DeviceSession(programModel(graph, purpose), settings);
  }

  private isMoved(output: string): boolean {
    return output.startsWith(moved("")) && this.isWeight.has(output.slice(moved("").length));
  }

  /** Sets a scalar input. One that the graph does not use is ignored. */
  set(input: string, value: number): void {
    const data = this.sent.get(input)?.data;
    if (data instanceof Float32Array) data[0] = value;
  }

  async run(seed: number): Promise<void> {
    for (const [draw, values] of this.random.entries()) fillUniform(values, seed, draw);
    await this.weights.refresh();
    const binding = this.binding();
    for (const [name, tensor] of this.sent) binding.input(name, tensor);
    await binding.run();
  }

  private binding(): Binding {
    if (this.boundVersion !== this.weights.version) this.unbind();
    this.boundVersion = this.weights.version;
    const known = this.bindings[this.weights.current];
    if (known !== undefined) return known;
    const binding = this.session.bind();
    this.bindings[this.weights.current] = binding;
    for (const { name } of this.graph.inputs)
      if (this.isWeight.has(name)) binding.input(name, this.weights.read(name));
    for (const { name } of this.graph.outputs) {
      const tensor = this.fetched.get(name) ?? this.weights.written(name.slice(moved("").length));
      binding.output(name, tensor);
    }
    return binding;
  }

  private unbind(): void {
    for (const binding of this.bindings.splice(0)) binding?.release();
  }

  release(): void {
    this.unbind();
    this.session.release();
    for (const tensor of [...this.sent.values(), ...this.fetched.values()]) tensor.release();
  }
}
