/**
 * onnxruntime through its C API. The package's JavaScript binding copies every output into a new array on each run (450 MB a step for
 * ViT-B) and cannot use shared memory. The C API reads weights and writes gradients in place. Functions are looked up by their index
 * in OrtApi, which only grows at its end (onnxruntime_c_api.h).
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import koffi, { type LibraryHandle } from "koffi";
import { DeviceMemoryError, isOutOfMemory } from "../device-memory-error.ts";
import { DATA_TYPE, type OnnxType } from "./model-proto.ts";

export type Pointer = bigint;
/** C functions return null, or a status that holds an error. */
type Status = Pointer | null;

const API_VERSION = 24;
const LIBRARY = { win32: "onnxruntime.dll", darwin: "libonnxruntime.1.dylib" } as const;
/** Errors are reported by a status, not logged. */
const LOG_FATAL_ONLY = 4;
/** Graphs are optimized already: onnxruntime's optimizers took up to 40 s and gained nothing measurable. */
const NO_OPTIMIZATION = 0;

/** The functions used, with their indices in OrtApi. */
const PROTOTYPES = {
  errorMessage: [2, "const char *OrtErrorMessage(void *status)"],
  createEnvironment: [3, "void *OrtCreateEnv(int level, const char *id, _Out_ void **env)"],
  disableTelemetry: [6, "void *OrtDisableTelemetry(void *env)"],
  createSession: [
    8,
    "void *OrtCreateSession(void *env, const void *bytes, size_t length, void *options, _Out_ void **session)",
  ],
  run: [
    9,
    "void *OrtRun(void *session, void *options, void *inputNames, void *inputs, size_t inputCount, void *outputNames, size_t outputCount, void *outputs)",
  ],
  createOptions: [10, "void *OrtCreateOptions(_Out_ void **options)"],
  enableProfiling: [14, "void *OrtEnableProfiling(void *options, const void *prefix)"],
  disableMemoryPattern: [17, "void *OrtDisableMemoryPattern(void *options)"],
  setOptimization: [23, "void *OrtSetOptimization(void *options, int level)"],
  setThreads: [24, "void *OrtSetThreads(void *options, int count)"],
  createTensor: [
    49,
    "void *OrtCreateTensor(void *memory, void *data, size_t bytes, const int64_t *shape, size_t rank, int type, _Out_ void **value)",
  ],
  inputCount: [30, "void *OrtInputCount(void *session, _Out_ size_t *count)"],
  outputCount: [31, "void *OrtOutputCount(void *session, _Out_ size_t *count)"],
  inputType: [33, "void *OrtInputType(void *session, size_t index, _Out_ void **type)"],
  inputName: [36, "void *OrtInputName(void *session, size_t index, void *allocator, _Out_ void **name)"],
  outputName: [37, "void *OrtOutputName(void *session, size_t index, void *allocator, _Out_ void **name)"],
  tensorData: [51, "void *OrtTensorData(void *value, _Out_ void **data)"],
  tensorOfType: [55, "void *OrtTensorOfType(void *type, _Out_ void **tensor)"],
  elementType: [60, "void *OrtElementType(void *tensor, _Out_ int *type)"],
  dimensionCount: [61, "void *OrtDimensionCount(void *tensor, _Out_ size_t *count)"],
  dimensions: [62, "void *OrtDimensions(void *tensor, void *sizes, size_t count)"],
  tensorOfValue: [65, "void *OrtTensorOfValue(void *value, _Out_ void **tensor)"],
  freeMemory: [76, "void *OrtFreeMemory(void *allocator, void *memory)"],
  releaseType: [98, "void OrtReleaseType(void *type)"],
  releaseTensor: [99, "void OrtReleaseTensor(void *tensor)"],
  createRunOptions: [39, "void *OrtCreateRunOptions(_Out_ void **options)"],
  createDeviceTensor: [
    48,
    "void *OrtCreateDeviceTensor(void *allocator, const int64_t *shape, size_t rank, int type, _Out_ void **value)",
  ],
  createMemory: [
    68,
    "void *OrtCreateMemory(const char *name, int allocator, int id, int kind, _Out_ void **memory)",
  ],
  createCpuMemory: [69, "void *OrtCreateCpuMemory(int allocator, int kind, _Out_ void **memory)"],
  releaseMemory: [94, "void OrtReleaseMemory(void *memory)"],
  releaseStatus: [93, "void OrtReleaseStatus(void *status)"],
  releaseSession: [95, "void OrtReleaseSession(void *session)"],
  releaseValue: [96, "void OrtReleaseValue(void *value)"],
  releaseRunOptions: [97, "void OrtReleaseRunOptions(void *options)"],
  releaseOptions: [100, "void OrtReleaseOptions(void *options)"],
  endProfiling: [110, "void *OrtEndProfiling(void *session, void *allocator, _Out_ void **name)"],
  defaultAllocator: [78, "void *OrtDefaultAllocator(_Out_ void **allocator)"],
  setOption: [130, "void *OrtSetOption(void *options, const char *key, const char *value)"],
  createAllocator: [131, "void *OrtCreateAllocator(void *session, void *memory, _Out_ void **allocator)"],
  releaseAllocator: [132, "void OrtReleaseAllocator(void *allocator)"],
  runBinding: [133, "void *OrtRunBinding(void *session, void *options, void *binding)"],
  createBinding: [134, "void *OrtCreateBinding(void *session, _Out_ void **binding)"],
  registerAllocator: [144, "void *OrtRegisterAllocator(void *env, void *memory, void *arena)"],
  createArena: [
    156,
    "void *OrtCreateArena(size_t limit, int growth, int firstBytes, int spareBytes, _Out_ void **arena)",
  ],
  releaseArena: [157, "void OrtReleaseArena(void *arena)"],
  releaseBinding: [135, "void OrtReleaseBinding(void *binding)"],
  bindInput: [136, "void *OrtBindInput(void *binding, const char *name, void *value)"],
  bindOutput: [137, "void *OrtBindOutput(void *binding, const char *name, void *value)"],
  appendCuda: [204, "void *OrtAppendCuda(void *options, void *cudaOptions)"],
  createCudaOptions: [205, "void *OrtCreateCudaOptions(_Out_ void **cudaOptions)"],
  updateCudaOptions: [
    206,
    "void *OrtUpdateCudaOptions(void *cudaOptions, const char **keys, const char **values, size_t count)",
  ],
  releaseCudaOptions: [208, "void OrtReleaseCudaOptions(void *cudaOptions)"],
  appendProvider: [
    216,
    "void *OrtAppendProvider(void *options, const char *name, const char **keys, const char **values, size_t count)",
  ],
  keysAndValues: [
    298,
    "void OrtKeysAndValues(void *pairs, _Out_ void **keys, _Out_ void **values, _Out_ size_t *count)",
  ],
  hardwareType: [307, "int OrtHardwareType(void *device)"],
  hardwareVendor: [308, "uint32_t OrtHardwareVendor(void *device)"],
  hardwareVendorName: [309, "const char *OrtHardwareVendorName(void *device)"],
  hardwareModel: [310, "uint32_t OrtHardwareModel(void *device)"],
  hardwareFacts: [311, "void *OrtHardwareFacts(void *device)"],
  hardwareCount: [397, "void *OrtHardwareCount(void *env, _Out_ size_t *count)"],
  hardwareDevices: [398, "void *OrtHardwareDevices(void *env, void *devices, size_t count)"],
} as const;

type NativeFunction = ReturnType<LibraryHandle["func"]>;
type Api = Record<keyof typeof PROTOTYPES, NativeFunction>;

/** onnxruntime has no binary for this platform. */
export class OnnxruntimeMissing extends Error {
  override readonly name = "OnnxruntimeMissing";
}

function libraryPath(): string {
  const name = LIBRARY[process.platform as keyof typeof LIBRARY] ?? "libonnxruntime.so.1";
  const packageFile = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
  const path = join(dirname(packageFile), "bin", "napi-v6", process.platform, process.arch, name);
  if (existsSync(path)) return path;
  throw new OnnxruntimeMissing(
    `onnxruntime has no binary for ${process.platform} ${process.arch} (looked for ${path}).`,
  );
}

/** A build of onnxruntime other than the bundled one, and the libraries to load before it. */
export interface OnnxruntimeBuild {
  readonly onnxruntime: string;
  readonly needed: readonly string[];
}

let otherBuild: OnnxruntimeBuild | undefined;

/** Makes this process use another build. Call it before anything else that uses onnxruntime. */
export function useBuild(build: OnnxruntimeBuild): void {
  if (otherBuild?.onnxruntime === build.onnxruntime) return;
  if (loaded !== undefined) throw new Error("onnxruntime is loaded already.");
  otherBuild = build;
  try {
    runtime();
  } catch (error) {
    otherBuild = undefined;
    throw error;
  }
}

export interface Onnxruntime {
  /** Kept referenced: koffi unloads a library that is garbage-collected. */
  readonly libraries: readonly LibraryHandle[];
  readonly api: Api;
  readonly environment: Pointer;
  readonly cpuMemory: Pointer;
}

/** Loads the library. Throws {@link OnnxruntimeMissing}, or the system's error where it does not load. */
export function loadOnnxruntime(): void {
  runtime();
}

let loaded: Onnxruntime | undefined;

/** Returns the library, loaded on first use. */
export function runtime(): Onnxruntime {
  loaded ??= load();
  return loaded;
}

/** GPU drivers compile shaders in these calls, which needs more stack than koffi's default. */
const STACK_BYTES = 8 * 2 ** 20;

function load(): Onnxruntime {
  koffi.config({ sync_stack_size: STACK_BYTES, async_stack_size: STACK_BYTES });
  const needed = (otherBuild?.needed ?? []).map((path) => koffi.load(path));
  const library = koffi.load(otherBuild?.onnxruntime ?? libraryPath());
  const base = library.func("void *OrtGetApiBase()")() as Pointer;
  const [getApi] = koffi.decode(base, "void *", 2) as Pointer[];
  const table = koffi.call(getApi, koffi.proto("void *OrtGetApi(uint32_t version)"), API_VERSION) as Pointer;
  const last = Math.max(...Object.values(PROTOTYPES).map(([position]) => position));
  const functions = koffi.decode(table, "void *", last + 1) as Pointer[];
  const api = Object.fromEntries(
    Object.entries(PROTOTYPES).map(([name, [position, prototype]]) => [
      name,
      koffi.decode(functions[position], koffi.proto(prototype)),
    ]),
  ) as Api;
  const environment = created(api, (out) => api.createEnvironment(LOG_FATAL_ONLY, "biapy-studio", out));
  check(api, api.disableTelemetry(environment));
  const cpuMemory = created(api, (out) => api.createCpuMemory(0, 0, out));
  shareArena(api, environment);
  return { libraries: [...needed, library], api, environment, cpuMemory };
}

/** OrtArenaAllocator. */
const ARENA = 1;
/** No limit, growth by doubling, and what onnxruntime begins with by default. */
const ARENA_DEFAULTS = { limit: 0, growth: 0, firstBytes: -1 } as const;
/** A block is split where at least this much of it would be left over; the default is 128 MB. */
const SPARE_BYTES = 2 ** 20;

/**
 * Makes all sessions on the CPU take memory from one arena. Each would keep one of its own, as large as it ever was: validation and
 * previews now use what a training step has left.
 */
function shareArena(api: Api, environment: Pointer): void {
  const memory = created(api, (out) => api.createCpuMemory(ARENA, 0, out));
  const { limit, growth, firstBytes } = ARENA_DEFAULTS;
  const arena = created(api, (out) => api.createArena(limit, growth, firstBytes, SPARE_BYTES, out));
  check(api, api.registerAllocator(environment, memory, arena));
  api.releaseArena(arena);
  api.releaseMemory(memory);
}

/** Throws the error of a status, as {@link DeviceMemoryError} where memory has run out. */
export function check(api: Api, status: Status): void {
  if (status === null) return;
  const message = `onnxruntime: ${String(api.errorMessage(status))}`;
  api.releaseStatus(status);
  throw isOutOfMemory(message) ? new DeviceMemoryError(message) : new Error(message);
}

/** Returns the object that a C function creates through its output parameter. */
export function created(api: Api, create: (out: [Pointer | null]) => Status): Pointer {
  const out: [Pointer | null] = [null];
  check(api, create(out));
  const [pointer] = out;
  if (pointer === null) throw new Error("onnxruntime returned nothing.");
  return pointer;
}

/** Calls a C function on another thread and resolves with its status. */
export function offMainThread(call: NativeFunction, parameters: readonly unknown[]): Promise<Status> {
  return new Promise((resolve, reject) => {
    call.async(...parameters, (error: Error | null, status: Status) =>
      error ? reject(error) : resolve(status),
    );
  });
}

/** Ends a session's profile and completes its file. */
export function endProfiling(session: Pointer): void {
  const { api } = runtime();
  const allocator = created(api, (out) => api.defaultAllocator(out));
  created(api, (out) => api.endProfiling(session, allocator, out));
}

export type TensorData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor that onnxruntime reads and writes in the memory of `data`. */
export class NativeTensor {
  readonly pointer: Pointer;

  constructor(
    readonly data: TensorData,
    type: OnnxType,
    shape: readonly number[],
  ) {
    const { api, cpuMemory } = runtime();
    const dimensions = BigInt64Array.from(shape, BigInt);
    this.pointer = created(api, (out) =>
      api.createTensor(cpuMemory, data, data.byteLength, dimensions, shape.length, DATA_TYPE[type], out),
    );
  }

  release(): void {
    runtime().api.releaseValue(this.pointer);
  }
}

/** Names as an array of C strings. */
export class Names {
  private readonly text: Buffer;
  readonly pointers: BigUint64Array;

  constructor(names: readonly string[]) {
    this.text = Buffer.from(names.map((name) => `${name}\0`).join(""));
    const start = koffi.address(this.text);
    let offset = 0;
    this.pointers = BigUint64Array.from(names, (name) => {
      const pointer = start + BigInt(offset);
      offset += Buffer.byteLength(name) + 1;
      return pointer;
    });
  }
}

export interface SessionSettings {
  readonly threads: number;
  /** Where to write onnxruntime's profile of every operator, for benchmarks. */
  readonly profile?: string;
}

/** A graph that onnxruntime has compiled for the CPU, with its tensors bound. */
export class NativeSession {
  private readonly session: Pointer;
  private readonly inputs: BigUint64Array;
  private readonly outputs: BigUint64Array;
  private readonly inputNames: Names;
  private readonly outputNames: Names;

  constructor(
    model: Uint8Array,
    settings: SessionSettings,
    private readonly bound: {
      readonly inputs: Readonly<Record<string, NativeTensor>>;
      readonly outputs: Readonly<Record<string, NativeTensor>>;
    },
  ) {
    const { api, environment } = runtime();
    const options = created(api, (out) => api.createOptions(out));
    check(api, api.setThreads(options, settings.threads));
    check(api, api.setOptimization(options, NO_OPTIMIZATION));
    // The memory pattern allocates one block for all values after the first run: twice the memory, and no gain in time.
    check(api, api.disableMemoryPattern(options));
    check(api, api.setOption(options, "session.use_env_allocators", "1"));
    if (settings.profile) check(api, api.enableProfiling(options, Buffer.from(`${settings.profile}\0`)));
    this.session = created(api, (out) => api.createSession(environment, model, model.length, options, out));
    api.releaseOptions(options);
    const pointers = (tensors: Readonly<Record<string, NativeTensor>>) =>
      BigUint64Array.from(Object.values(tensors), (tensor) => tensor.pointer);
    this.inputs = pointers(bound.inputs);
    this.outputs = pointers(bound.outputs);
    this.inputNames = new Names(Object.keys(bound.inputs));
    this.outputNames = new Names(Object.keys(bound.outputs));
  }

  /** Runs the graph off the main thread; the bound outputs hold the result when the promise resolves. */
  async run(): Promise<void> {
    const { api } = runtime();
    check(api, await offMainThread(api.run, this.runArguments()));
  }

  /** Runs the graph on this thread. */
  runNow(): void {
    const { api } = runtime();
    check(api, api.run(...this.runArguments()));
  }

  private runArguments() {
    const { inputNames, inputs, outputNames, outputs } = this;
    const given = [inputNames.pointers, inputs, inputs.length];
    return [this.session, null, ...given, outputNames.pointers, outputs.length, outputs];
  }

  endProfile(): void {
    endProfiling(this.session);
  }

  release(): void {
    runtime().api.releaseSession(this.session);
    for (const tensor of [...Object.values(this.bound.inputs), ...Object.values(this.bound.outputs)])
      tensor.release();
  }
}
