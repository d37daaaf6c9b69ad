/**
 * onnxruntime's C API. Functions are looked up by their index in OrtApi, which only grows at its end (onnxruntime_c_api.h).
 */
import koffi, { type LibraryHandle } from "koffi";

/** An address in native memory. */
export type Pointer = bigint;
/** C functions return null, or a status that holds an error. */
export type Status = Pointer | null;

const API_VERSION = 24;

/**
 * A session's threads sleep while they wait for work. By default they compute in circles, which took a training beside other programs
 * twice the time (58 to 66 s against 22 to 35 s) and gained nothing on an idle computer.
 */
export const THREADS_SLEEP = ["session.intra_op.allow_spinning", "0"] as const;

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

export type NativeFunction = ReturnType<LibraryHandle["func"]>;
/** The functions used, by the names given here. */
export type Api = Readonly<Record<keyof typeof PROTOTYPES, NativeFunction>>;

/** Returns the functions of a loaded library. */
export function apiOf(library: LibraryHandle): Api {
  const base = library.func("void *OrtGetApiBase()")() as Pointer;
  const [getApi] = koffi.decode(base, "void *", 2) as Pointer[];
  const table = koffi.call(getApi, koffi.proto("void *OrtGetApi(uint32_t version)"), API_VERSION) as Pointer;
  const last = Math.max(...Object.values(PROTOTYPES).map(([position]) => position));
  const functions = koffi.decode(table, "void *", last + 1) as Pointer[];
  return Object.fromEntries(
    Object.entries(PROTOTYPES).map(([name, [position, prototype]]) => [
      name,
      koffi.decode(functions[position], koffi.proto(prototype)),
    ]),
  ) as Api;
}
