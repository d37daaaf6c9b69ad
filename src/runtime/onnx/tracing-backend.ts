import type { Precision } from "../precision.ts";
import type { InputSpec, Tensors } from "../program.ts";
import { tf } from "../tensor.ts";
import { GraphBuilder, type Target } from "./graph.ts";
import { plain, plainTensor, splatTensor, type Traced } from "./layout.ts";
import { type Lowering, lowerings } from "./lowerings.ts";
import { inType, lowerMixed } from "./mixed-precision.ts";
import type { GraphDefinition, OnnxType } from "./model-proto.ts";
import { checkOperands } from "./operand-shapes.ts";

const BACKEND = "onnx-tracing";

type TracedType = "float32" | "int32" | "bool";

/** TensorFlow.js has no 64-bit integers (what MaxPool says of places is one), and one floating-point type. */
const TENSORFLOW_TYPE: Readonly<Record<OnnxType, TracedType>> = {
  float32: "float32",
  float16: "float32",
  int32: "int32",
  int64: "int32",
  bool: "bool",
};

/** A TensorFlow.js backend that computes nothing: each kernel appends its ONNX form to a graph. */
class TracingBackend extends tf.KernelBackend {
  private graph = new GraphBuilder();
  private tensors = new WeakMap<tf.DataId, Traced>();
  /** The layer and kernel that made a value. */
  private origins = new WeakMap<tf.DataId, string>();
  /** The layer that was entered last. */
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

  /** Makes a traced value visible to TensorFlow.js. */
  expose(traced: Traced): tf.TensorInfo {
    const dataId = {};
    this.tensors.set(dataId, traced);
    const dtype = TENSORFLOW_TYPE[traced.type];
    return { dataId, shape: [...traced.shape], dtype };
  }

  traced(info: tf.TensorInfo): Traced {
    const traced = this.tensors.get(info.dataId);
    if (traced === undefined)
      throw new Error("A tensor made outside the traced function was used inside it.");
    // TensorFlow.js reshapes for free at times, by giving the same data another shape.
    return traced.shape.length === info.shape.length &&
      traced.shape.every((size, axis) => size === info.shape[axis])
      ? traced
      : plainTensor(
          this.graph.add("Reshape", [plain(this.graph, traced), this.graph.integers(info.shape)]),
          traced.type,
          info.shape,
        );
  }

  run(
    kernelName: string,
    lowering: Lowering,
    inputs: tf.NamedTensorInfoMap,
    attrs: object,
  ): tf.TensorInfo | tf.TensorInfo[] {
    const traced = Object.fromEntries(
      Object.entries(inputs).map(([name, info]) => [
        name,
        Array.isArray(info) ? info.map((each) => this.traced(each)) : info == null ? info : this.traced(info),
      ]),
    ) as Readonly<Record<string, Traced | readonly Traced[]>>;
    checkOperands(kernelName, traced, attrs);
    const origin =
      this.gradientOf === undefined ? `${this.layer}/${kernelName}` : `gradient/${this.gradientOf}`;
    this.graph.origin = origin;
    const result =
      this.graph.precision === "mixed"
        ? lowerMixed(kernelName, lowering, this.graph, traced, attrs)
        : lowering(this.graph, traced as never, attrs as never);
    const exposed = [result].flat().map((each) => this.expose(each));
    for (const { dataId } of exposed) this.origins.set(dataId, origin);
    return Array.isArray(result) ? exposed : exposed[0];
  }

  /** Has what the gradients of a kernel add to the graph say whose gradients they are. Call it when the forward pass is done. */
  labelGradients(): void {
    this.layer = "gradient";
    for (const node of tf.engine().state.activeTape ?? []) {
      const { gradient } = node;
      const origin = node.outputs[0] && this.origins.get(node.outputs[0].dataId);
      if (gradient === undefined || origin === undefined) continue;
      node.gradient = (dys) =>
        Object.fromEntries(
          Object.entries(gradient(dys)).map(([name, compute]) => [name, () => this.taking(origin, compute)]),
        );
    }
  }

  private taking<T>(origin: string, compute: () => T): T {
    this.gradientOf = origin;
    const gradient = compute();
    // Not where it fails: the error is told with its place.
    this.gradientOf = undefined;
    return gradient;
  }

  /** Where the trace is, to say where it failed. */
  get place(): string {
    return this.gradientOf === undefined ? this.layer : `gradient of ${this.gradientOf}`;
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    return this.expose(this.constant(values as ArrayLike<number>, shape, dtype as TracedType)).dataId;
  }

  override move(dataId: tf.DataId, values: tf.BackendValues, shape: number[], dtype: tf.DataType): void {
    this.tensors.set(dataId, this.constant(values as ArrayLike<number>, shape, dtype as TracedType));
  }

  private constant(values: ArrayLike<number>, shape: readonly number[], type: TracedType): Traced {
    if (isUniform(values)) return splatTensor(this.graph, Number(values[0]), type, shape);
    const bytes =
      type === "float32"
        ? Float32Array.from(values)
        : type === "int32"
          ? Int32Array.from(values)
          : Uint8Array.from(values);
    return plainTensor(
      this.graph.constant(type as OnnxType, shape, new Uint8Array(bytes.buffer)),
      type,
      shape,
    );
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

/** Gradients of sums come as arrays of ones as large as the tensor: a plain loop is what keeps a trace short. */
function isUniform(values: ArrayLike<number>): boolean {
  const first = values[0];
  for (let index = 1; index < values.length; index++) if (values[index] !== first) return false;
  return true;
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

/** Adds inputs to a trace while it runs, and says what its parts are. */
export interface Tracer {
  input(name: string, spec: InputSpec): tf.Tensor;
  /** Names the layer whose kernels follow. */
  enter(layer: string): void;
  /** To be called at the end of a forward pass that gradients are taken of. */
  labelGradients(): void;
}

/**
 * Runs `compute` once on symbolic tensors and returns what it did as an ONNX graph, gradients included
 * (as `jax.make_jaxpr` does). The graph's inputs and outputs carry the names of `inputs` and of the result.
 *
 * @throws Error naming the layer, the kernel and its operands' shapes, where the shapes do not fit together; naming the kernel, where
 *   it has no lowering.
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
    const tracer: Tracer = {
      input: (name, { type, shape }) => {
        const placeholder = plainTensor(graph.input({ name, type, shape }), type, shape);
        return tf.engine().makeTensorFromTensorInfo(tracing.expose(placeholder), tracing);
      },
      enter: (layer) => {
        tracing.layer = layer;
      },
      labelGradients: () => tracing.labelGradients(),
    };
    const placeholders = Object.fromEntries(
      Object.entries(inputs).map(([name, spec]) => [name, tracer.input(name, spec)]),
    );
    const computed = placed(tracing, () => compute(placeholders, tracer));
    graph.origin = undefined;
    const outputs = Object.entries(computed).map(([name, tensor]) => {
      const traced = inType(graph, tracing.traced(tensor), "float32");
      return { name, value: plain(graph, traced), type: traced.type, shape: traced.shape };
    });
    return graph.finish(outputs);
  } finally {
    tf.engine().endScope();
    if (previous) tf.setBackend(previous);
  }
}

/** Has an error of TensorFlow.js or of a kernel's check name the layer that it is of. */
function placed<T>(tracing: TracingBackend, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    const { place } = tracing;
    if (!(error instanceof Error) || error.constructor !== Error || place === "") throw error;
    throw new Error(`${place}: ${error.message}`, { cause: error });
  }
}
