/** Sessions on the CPU, whose tensors lie in memory of this process. */
import koffi from "koffi";
import { check, created, endProfiling, offMainThread, runtime } from "./native.ts";
import { type Pointer, THREADS_SLEEP } from "./native-api.ts";
import type { NativeTensor } from "./native-tensor.ts";

/** Graphs are optimized already: onnxruntime's optimizers took up to 40 s and gained nothing measurable. */
const NO_OPTIMIZATION = 0;

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
    check(api, api.setOption(options, ...THREADS_SLEEP));
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
