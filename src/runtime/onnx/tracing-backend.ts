/** Traces TensorFlow.js computations to ONNX graphs: a backend whose kernels add nodes instead of computing. */
import { at, entryOf } from "../../facts/checked-lists.ts";
import type { Precision } from "../precision.ts";
import type { InputSpec, Tensors } from "../program.ts";
import { tf } from "../tensor.ts";
import { GraphBuilder, type Target, type Value } from "./graph.ts";
import { plain, plainTensor, sameSizes, splatTensor, stored, type Traced } from "./layout.ts";
import {
  type Attributes,
  isTensorType,
  type Lowering,
  type Operands,
  type TensorType,
} from "./lowerings/lowering.ts";
import { lowerings } from "./lowerings/lowerings.ts";
import { inType, lowerMixed } from "./mixed-precision.ts";
import { BACKWARD, type GraphDefinition, type OnnxType, type Subgraph } from "./model-proto.ts";
import { withRecomputedValues } from "./recomputed-values.ts";
import { RepeatedLayers, type Repetition } from "./repeated-layers.ts";

const BACKEND = "onnx-tracing";

/** TensorFlow.js has no 64-bit integers, which MaxPool returns as indices, and one floating-point type. */
const TENSORFLOW_TYPE: Readonly<Record<OnnxType, TensorType>> = {
  float32: "float32",
  float16: "float32",
  int32: "int32",
  int64: "int32",
  bool: "bool",
};

/** Arrays with the bytes that ONNX stores for constants of each type. */
const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

/** A TensorFlow.js backend that computes nothing: each kernel adds its ONNX nodes to a graph. */
class TracingBackend extends tf.KernelBackend {
  private graph = new GraphBuilder();
  private tensors = new WeakMap<tf.DataId, Traced>();
  /** The layer and kernel that made a value. */
  private origins = new WeakMap<tf.DataId, string>();
  /** The layer that the trace entered last. */
  layer = "";
  /** The origin of the kernel whose gradient is being taken. */
  private gradientOf: string | undefined;

  begin(target: Target, precision: Precision): GraphBuilder {
    this.graph = new GraphBuilder(target, precision);
    this.tensors = new WeakMap();
    this.origins = new WeakMap();
    this.layer = "";
    this.gradientOf = undefined;
    return this.graph;
  }

  /** Traces `compute` to a separate graph. Values of the trace around it cannot be read inside. */
  apart<T>(compute: (graph: GraphBuilder) => T): T {
    const { graph, layer, gradientOf } = this;
    this.graph = new GraphBuilder(graph.target, graph.precision, "inner:");
    const result = compute(this.graph);
    // Not restored when it throws: the error names the place.
    this.graph = graph;
    this.layer = layer;
    this.gradientOf = gradientOf;
    return result;
  }

  /** Adds a run of a graph. Takes and returns values by the names of the graph's inputs and outputs. */
  call(body: Subgraph, operands: Readonly<Record<string, Value>>, origin: string): Record<string, Value> {
    this.graph.origin = origin;
    const inputs = body.inputs.map(({ name }) => entryOf(operands, name));
    const results = this.graph.call(body, inputs);
    return Object.fromEntries(body.outputs.map(({ name }, place) => [name, at(results, place)]));
  }

  /** Returns the value that stores a tensor in the given order of axes. */
  stored(tensor: tf.Tensor, axes: readonly number[]): Value {
    return stored(this.graph, this.traced(tensor), axes);
  }

  /** Returns a traced value as a tensor. */
  tensor(traced: Traced): tf.Tensor {
    return tf.engine().makeTensorFromTensorInfo(this.expose(traced), this);
  }

  /** Returns a traced value as a tensor of TensorFlow.js. */
  expose(traced: Traced): tf.TensorInfo {
    const dataId = {};
    this.tensors.set(dataId, traced);
    const dtype = TENSORFLOW_TYPE[traced.type];
    return { dataId, shape: [...traced.shape], dtype };
  }

  /** Returns the traced value of a tensor. */
  traced(info: tf.TensorInfo): Traced {
    const traced = this.tensors.get(info.dataId);
    if (traced === undefined)
      throw new Error("A tensor made outside the traced function was used inside it.");
    if (sameSizes(traced.shape, info.shape)) return traced;
    // TensorFlow.js may reshape without a kernel, by giving the same data another shape.
    const value = this.graph.reshape(plain(this.graph, traced), info.shape);
    return plainTensor(value, traced.type, info.shape);
  }

  /** Checks a kernel's operands, adds its nodes to the graph and returns its results. */
  run(
    kernelName: string,
    lowering: Lowering,
    inputs: tf.NamedTensorInfoMap,
    attributes: Attributes,
  ): tf.TensorInfo | tf.TensorInfo[] {
    const operands: Operands = Object.fromEntries(
      Object.entries(inputs).flatMap(([name, info]) => (info == null ? [] : [[name, this.traced(info)]])),
    );
    refuseMisfits(kernelName, lowering, operands, attributes);
    const origin =
      this.gradientOf === undefined ? `${this.layer}/${kernelName}` : `${BACKWARD}/${this.gradientOf}`;
    this.graph.origin = origin;
    const result =
      this.graph.precision === "mixed"
        ? lowerMixed(kernelName, lowering, this.graph, operands, attributes)
        : lowering.write(this.graph, operands, attributes);
    const expose = (traced: Traced): tf.TensorInfo => {
      const info = this.expose(traced);
      this.origins.set(info.dataId, origin);
      return info;
    };
    return Array.isArray(result) ? result.map(expose) : expose(result);
  }

  /**
   * Makes nodes of the backward pass carry the origin of the kernel that they are the gradient of. Call it at the end of the forward
   * pass.
   */
  labelGradients(): void {
    this.layer = BACKWARD;
    for (const node of tf.engine().state.activeTape ?? []) {
      const { gradient } = node;
      const origin = node.outputs[0] && this.origins.get(node.outputs[0].dataId);
      if (gradient === undefined || origin === undefined) continue;
      node.gradient = (dys) =>
        Object.fromEntries(
          Object.entries(gradient(dys)).map(([name, compute]) => [
            name,
            () => this.withOrigin(origin, compute),
          ]),
        );
    }
  }

  private withOrigin<T>(origin: string, computeGradient: () => T): T {
    this.gradientOf = origin;
    const gradient = computeGradient();
    // Kept when it throws: the error names the place.
    this.gradientOf = undefined;
    return gradient;
  }

  /** The layer or gradient that is being traced, for errors. */
  get place(): string {
    return this.gradientOf === undefined ? this.layer : `gradient of ${this.gradientOf}`;
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    return this.expose(this.constant(values, shape, dtype)).dataId;
  }

  override move(dataId: tf.DataId, values: tf.BackendValues, shape: number[], dtype: tf.DataType): void {
    this.tensors.set(dataId, this.constant(values, shape, dtype));
  }

  private constant(values: tf.BackendValues, shape: readonly number[], type: tf.DataType): Traced {
    if (Array.isArray(values) || !isTensorType(type))
      throw new Error(`Tensors of type ${type} cannot be traced.`);
    if (isUniform(values)) return splatTensor(this.graph, Number(values[0]), type, shape);
    const { buffer } = ARRAYS[type].from(values);
    return plainTensor(this.graph.constant(type, shape, new Uint8Array(buffer)), type, shape);
  }

  override numDataIds = () => 0;
  override disposeData = () => true;
  override incRef = () => {};
  override refCount = () => 1;
  override memory = () => ({ unreliable: true });
  override floatPrecision = (): 32 => 32;
  override epsilon = () => 1e-7;
  override readSync(): never {
    throw new Error(
      "A traced function cannot read a tensor's values: they are known only when the graph runs.",
    );
  }
  override read = () => this.readSync();
  override dispose = () => {};
}

/**
 * Whether all values are equal: then they equal themselves shifted by one. Compared as bytes, four times as fast as value by value:
 * TensorFlow.js makes zeros as large as an image where a result of a kernel has no gradient.
 */
function isUniform(values: Exclude<tf.BackendValues, string[] | Uint8Array[]>): boolean {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const { BYTES_PER_ELEMENT: size } = values;
  return bytes.subarray(size).equals(bytes.subarray(0, -size));
}

let backend: TracingBackend | undefined;

function tracingBackend(): TracingBackend {
  if (backend !== undefined) return backend;
  const created = new TracingBackend();
  tf.registerBackend(BACKEND, () => created, 0);
  for (const [kernelName, lowering] of Object.entries(lowerings)) {
    tf.registerKernel({
      kernelName,
      backendName: BACKEND,
      kernelFunc: ({ inputs, attrs }) => created.run(kernelName, lowering, inputs, attrs ?? {}),
    });
  }
  backend = created;
  return created;
}

/** Handles on a running trace. */
export interface Tracer {
  /** Adds an input to the graph. */
  input(name: string, spec: InputSpec): tf.Tensor;
  /** Names the layer whose kernels follow. */
  enter(layer: string): void;
  /** Labels the gradients' nodes. Call it at the end of a forward pass whose gradients are computed. */
  labelGradients(): void;
  /** Adds a layer that is traced once for all its repetitions. Only graphs for the CPU can call others. */
  repeated?(repetition: Repetition): tf.Tensor;
}

/**
 * Runs `compute` once on symbolic tensors and returns its operations as an ONNX graph, gradients included (as `jax.make_jaxpr` does).
 * The graph's inputs and outputs have the names of `inputs` and of the result.
 *
 * @throws Error that names the layer, the kernel and its operands' shapes where the shapes do not fit together, or the kernel where it
 *   has no lowering
 */
export function trace(
  inputs: Readonly<Record<string, InputSpec>>,
  compute: (inputs: Tensors, tracer: Tracer) => Tensors,
  target: Target = "cpu",
  precision: Precision = "single",
): GraphDefinition {
  const tracing = tracingBackend();
  const previous = tf.engine().backendName;
  tf.setBackend(BACKEND);
  const graph = tracing.begin(target, precision);
  tf.engine().startScope("trace");
  try {
    const repeatedLayers = new RepeatedLayers(tracing);
    const tracer: Tracer = {
      input: (name, { type, shape }) => {
        return tracing.tensor(plainTensor(graph.input({ name, type, shape }), type, shape));
      },
      enter: (layer) => {
        tracing.layer = layer;
      },
      labelGradients: () => tracing.labelGradients(),
      ...(target === "cpu" && { repeated: (repetition) => repeatedLayers.add(repetition) }),
    };
    const placeholders = Object.fromEntries(
      Object.entries(inputs).map(([name, spec]) => [name, tracer.input(name, spec)]),
    );
    const computed = withPlace(tracing, () => compute(placeholders, tracer));
    graph.origin = undefined;
    const outputs = Object.entries(computed).map(([name, tensor]) => {
      const traced = inType(graph, tracing.traced(tensor), "float32");
      return { name, value: plain(graph, traced), type: traced.type, shape: traced.shape };
    });
    const finished = graph.finish(outputs);
    return target === "cpu" ? withRecomputedValues(finished) : finished;
  } finally {
    tf.engine().endScope();
    if (previous) tf.setBackend(previous);
  }
}

/** Throws where a kernel's operands do not fit together, with their names and shapes. */
function refuseMisfits(kernel: string, lowering: Lowering, operands: Operands, attributes: Attributes): void {
  const reason = lowering.refusal(operands, attributes);
  if (reason === undefined) return;
  // The operands of some kernels, such as Concat, have numbers instead of names.
  const given = Object.entries(operands).map(
    ([name, { shape }]) => `${/^\d+$/.test(name) ? `operand ${name}` : name} [${shape.join(", ")}]`,
  );
  throw new Error(`${kernel} of ${given.join(" and ")}: ${reason}.`);
}

/** Adds the layer to the message of an error that TensorFlow.js, a check of shapes or a list access throws. */
function withPlace<T>(tracing: TracingBackend, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    const { place } = tracing;
    if (!(error instanceof Error) || place === "") throw error;
    if (error.constructor !== Error && error.constructor !== RangeError) throw error;
    throw new Error(`${place}: ${error.message}`, { cause: error });
  }
}
