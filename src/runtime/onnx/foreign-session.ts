/**
 * Networks in ONNX that this program did not write, on the CPU. Names, types and sizes of their tensors are read from the file, and
 * onnxruntime allocates the outputs, whose sizes only it knows.
 */
import koffi from "koffi";
import { at, exactly, product } from "../../facts/checked-lists.ts";
import { check, created, offMainThread, runtime } from "./native.ts";
import { type Pointer, THREADS_SLEEP } from "./native-api.ts";
import { Names } from "./native-session.ts";

/** Typed arrays of the number types in ONNX (onnx.proto, TensorProto.DataType). */
const ARRAYS = {
  1: Float32Array,
  2: Uint8Array,
  3: Int8Array,
  4: Uint16Array,
  5: Int16Array,
  6: Int32Array,
  7: BigInt64Array,
  9: Uint8Array,
  11: Float64Array,
  12: Uint32Array,
} as const;

/** A network that cannot be used, with the reason. */
export class ForeignNetworkError extends Error {
  override readonly name = "ForeignNetworkError";
}

/** A tensor in this program's memory. */
export interface ForeignTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** All of onnxruntime's optimizers, since the graph is as its author exported it. */
const ALL_OPTIMIZATIONS = 99;

/** A loaded network with one input. Release it after use. */
export class ForeignSession {
  /** Memory that onnxruntime reads and writes in runs that have not ended, while nothing else here refers to it. */
  private readonly inUse = new Set<readonly ArrayBufferView[]>();

  private constructor(
    private readonly session: Pointer,
    private readonly inputNames: Names,
    private readonly outputNames: Names,
    private readonly inputType: keyof typeof ARRAYS,
    /** Sizes of the input's axes; undefined where any size is taken. */
    readonly inputShape: readonly (number | undefined)[],
  ) {}

  /**
   * Loads a network with one input. Throws {@link ForeignNetworkError}.
   *
   * @param folder of weights that are not in `model` itself. onnxruntime reads no others.
   */
  static open(model: Uint8Array, folder: string, threads: number): ForeignSession {
    const session = createSession(model, folder, threads);
    try {
      const { api } = runtime();
      const count = (of: "inputCount" | "outputCount") => {
        const counted: [number] = [0];
        check(api, api[of](session, counted));
        return Number(counted[0]);
      };
      const names = (of: "inputName" | "outputName", number: number) =>
        Array.from({ length: number }, (_, index) => nameOf(session, of, index));
      const inputs = names("inputName", count("inputCount"));
      if (inputs.length !== 1)
        throw new ForeignNetworkError(`has ${inputs.length} inputs (${inputs.join(", ")}), not one`);
      const { type, shape } = inputOf(session);
      return new ForeignSession(
        session,
        new Names(inputs),
        new Names(names("outputName", count("outputCount"))),
        type,
        shape,
      );
    } catch (error) {
      runtime().api.releaseSession(session);
      throw error;
    }
  }

  /** Number of outputs. */
  get outputs(): number {
    return this.outputNames.pointers.length;
  }

  /** Applies the network off the main thread. Returns its first output. Throws {@link ForeignNetworkError}. */
  async run({ shape, values }: ForeignTensor): Promise<ForeignTensor> {
    const { api, cpuMemory } = runtime();
    const data = converted(values, this.inputType);
    const sizes = BigInt64Array.from(shape, BigInt);
    const input = created(api, (out) =>
      api.createTensor(cpuMemory, data, data.byteLength, sizes, shape.length, this.inputType, out),
    );
    const [inputs, outputs] = [BigUint64Array.of(input), new BigUint64Array(this.outputs)];
    const memory = [data, inputs, outputs];
    this.inUse.add(memory);
    try {
      const given = [this.inputNames.pointers, inputs, 1];
      const taken = [this.outputNames.pointers, outputs.length, outputs];
      check(api, await offMainThread(api.run, [this.session, null, ...given, ...taken]));
      return copied(at([...outputs], 0));
    } catch (error) {
      throw named(error);
    } finally {
      this.inUse.delete(memory);
      for (const value of [input, ...outputs]) if (value !== 0n) api.releaseValue(value);
    }
  }

  release(): void {
    runtime().api.releaseSession(this.session);
  }
}

function createSession(model: Uint8Array, folder: string, threads: number): Pointer {
  const { api, environment } = runtime();
  const options = created(api, (out) => api.createOptions(out));
  try {
    check(api, api.setThreads(options, threads));
    check(api, api.setOptimization(options, ALL_OPTIMIZATIONS));
    check(api, api.setOption(options, "session.use_env_allocators", "1"));
    check(api, api.setOption(options, ...THREADS_SLEEP));
    check(api, api.setOption(options, "session.model_external_initializers_file_folder_path", folder));
    return created(api, (out) => api.createSession(environment, model, model.length, options, out));
  } catch (error) {
    throw named(error);
  } finally {
    api.releaseOptions(options);
  }
}

/** Returns an error that names onnxruntime and has the first line of its message. Other errors are returned as they are. */
function named(error: unknown): unknown {
  if (!(error instanceof Error) || !error.message.startsWith("onnxruntime: ")) return error;
  const [line = ""] = error.message.slice("onnxruntime: ".length).split("\n");
  return new ForeignNetworkError(`cannot be run: onnxruntime says "${line.trim()}"`);
}

function nameOf(session: Pointer, of: "inputName" | "outputName", index: number): string {
  const { api } = runtime();
  const allocator = created(api, (out) => api.defaultAllocator(out));
  const pointer = created(api, (out) => api[of](session, index, allocator, out));
  const name = koffi.decode(pointer, "char", -1) as string;
  check(api, api.freeMemory(allocator, pointer));
  return name;
}

function inputOf(session: Pointer): { type: keyof typeof ARRAYS; shape: (number | undefined)[] } {
  const { api } = runtime();
  const type = created(api, (out) => api.inputType(session, 0, out));
  try {
    const tensor: [Pointer | null] = [null];
    check(api, api.tensorOfType(type, tensor));
    if (tensor[0] === null) throw new ForeignNetworkError("takes something other than a tensor");
    const { code, shape } = tensorFacts(tensor[0]);
    return { type: numberType(code), shape: shape.map((size) => (size > 0 ? size : undefined)) };
  } finally {
    api.releaseType(type);
  }
}

function numberType(code: number): keyof typeof ARRAYS {
  if (code in ARRAYS) return code as keyof typeof ARRAYS;
  const names: Readonly<Record<number, string>> = { 8: "text", 10: "float16", 13: "uint64", 16: "bfloat16" };
  throw new ForeignNetworkError(`has values of the type ${names[code] ?? code}, which is not supported`);
}

function tensorFacts(tensor: Pointer): { code: number; shape: number[] } {
  const { api } = runtime();
  const [code, count]: [[number], [number]] = [[0], [0]];
  check(api, api.elementType(tensor, code));
  check(api, api.dimensionCount(tensor, count));
  const sizes = new BigInt64Array(Number(count[0]));
  check(api, api.dimensions(tensor, sizes, sizes.length));
  return { code: code[0], shape: Array.from(sizes, Number) };
}

/** Copies a tensor out of onnxruntime's memory. */
function copied(value: Pointer): ForeignTensor {
  const { api } = runtime();
  const tensor = created(api, (out) => api.tensorOfValue(value, out));
  try {
    const { code, shape } = tensorFacts(tensor);
    const Values = ARRAYS[numberType(code)];
    const count = product(shape);
    if (count === 0) return { shape, values: new Float32Array() };
    const pointer = created(api, (out) => api.tensorData(value, out));
    const data = new Values(koffi.view(pointer, count * Values.BYTES_PER_ELEMENT));
    return { shape, values: Float32Array.from(data as ArrayLike<number | bigint>, Number) };
  } finally {
    api.releaseTensor(tensor);
  }
}

/** Returns values in the network's own type. Integers lose their decimals. */
function converted(values: Float32Array, type: keyof typeof ARRAYS) {
  if (type === 1) return values;
  if (type === 7) return BigInt64Array.from(values, (value) => BigInt(Math.trunc(value)));
  return new ARRAYS[type](values);
}

/** Whether an axis of the network takes this size. */
export const takesShape = (wanted: readonly (number | undefined)[], shape: readonly number[]): boolean =>
  wanted.length === shape.length &&
  exactly(wanted, shape.length).every((size, axis) => size === undefined || size === shape[axis]);
