/** Sessions whose tensors stay in a device's memory between runs (onnxruntime's IoBinding). */
import { DATA_TYPE, type ValueDefinition } from "./model-proto.ts";
import { check, created, offMainThread, runtime } from "./native.ts";
import type { Pointer } from "./native-api.ts";
import type { NativeTensor } from "./native-tensor.ts";
import { deviceMemory, type Provider, useProvider } from "./provider.ts";

/** A tensor in a device's memory. */
export class DeviceTensor {
  readonly pointer: Pointer;

  constructor(allocator: Pointer, { shape, type }: Pick<ValueDefinition, "shape" | "type">) {
    const { api } = runtime();
    const sizes = BigInt64Array.from(shape, BigInt);
    this.pointer = created(api, (out) =>
      api.createDeviceTensor(allocator, sizes, shape.length, DATA_TYPE[type], out),
    );
  }

  release(): void {
    runtime().api.releaseValue(this.pointer);
  }
}

type BoundTensor = DeviceTensor | NativeTensor;

/** The device of a session. */
export interface DeviceSessionSettings {
  readonly provider: Provider;
  /** Where to write onnxruntime's profile of every operator. */
  readonly profile?: string;
}

/** Keeps onnxruntime from moving transpositions to boolean tensors, which only the CPU transposes. */
const WITHOUT_TRANSPOSE_OPTIMIZER = [
  "optimization.disable_specified_optimizers",
  "TransposeOptimizer",
] as const;

/** A graph that onnxruntime has compiled for a device. */
export class DeviceSession {
  private readonly session: Pointer;

  constructor(
    model: Uint8Array,
    private readonly settings: DeviceSessionSettings,
  ) {
    const { api, environment } = runtime();
    const options = created(api, (out) => api.createOptions(out));
    try {
      useProvider(options, settings.provider);
      check(api, api.setOption(options, ...WITHOUT_TRANSPOSE_OPTIMIZER));
      if (settings.profile) check(api, api.enableProfiling(options, Buffer.from(`${settings.profile}\0`)));
      this.session = created(api, (out) => api.createSession(environment, model, model.length, options, out));
    } finally {
      api.releaseOptions(options);
    }
  }

  /** Creates an allocator of device memory. The caller releases it with `releaseAllocator`. */
  allocator(): Pointer {
    const { api } = runtime();
    const memory = deviceMemory(this.settings.provider);
    try {
      return created(api, (out) => api.createAllocator(this.session, memory, out));
    } finally {
      api.releaseMemory(memory);
    }
  }

  bind(): Binding {
    return new Binding(this.session);
  }

  release(): void {
    runtime().api.releaseSession(this.session);
  }
}

/** The tensors that a session reads and writes, on the device or the host. */
export class Binding {
  private readonly binding: Pointer;
  private readonly options: Pointer;

  constructor(private readonly session: Pointer) {
    const { api } = runtime();
    this.options = created(api, (out) => api.createRunOptions(out));
    this.binding = created(api, (out) => api.createBinding(session, out));
  }

  /** Binds an input. A host tensor is copied to the device now: later changes to it have no effect. */
  input(name: string, tensor: BoundTensor): void {
    const { api } = runtime();
    check(api, api.bindInput(this.binding, name, tensor.pointer));
  }

  output(name: string, tensor: BoundTensor): void {
    const { api } = runtime();
    check(api, api.bindOutput(this.binding, name, tensor.pointer));
  }

  /** Runs the session off the main thread; all bound outputs hold the result when the promise resolves. */
  async run(): Promise<void> {
    const { api } = runtime();
    check(api, await offMainThread(api.runBinding, [this.session, null, this.binding]));
  }

  /** Runs the session on this thread, and blocks until it is done. */
  runNow(): void {
    const { api } = runtime();
    check(api, api.runBinding(this.session, this.options, this.binding));
  }

  release(): void {
    const { api } = runtime();
    api.releaseBinding(this.binding);
    api.releaseRunOptions(this.options);
  }
}
