/** Sessions on the CPU. */
import koffi from "koffi";
import { check, created, createdApart, offMainThread, runtime } from "./native.ts";
import { type Pointer, THREADS_SLEEP } from "./native-api.ts";

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

/** How a session runs. */
export interface SessionSettings {
  readonly threads: number;
  /** Where onnxruntime writes its profile of every operator when the session is released, for benchmarks. */
  readonly profile?: string;
}

/** The names of a graph's inputs and outputs. */
export interface EndNames {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** A graph that onnxruntime has compiled for the CPU. */
export class NativeSession {
  private readonly inputNames: Names;
  private readonly outputNames: Names;

  private constructor(
    private readonly session: Pointer,
    names: EndNames,
  ) {
    this.inputNames = new Names(names.inputs);
    this.outputNames = new Names(names.outputs);
  }

  /** Compiles a model on this thread. */
  static compiled(model: Uint8Array, settings: SessionSettings, names: EndNames): NativeSession {
    const { api, environment } = runtime();
    const options = sessionOptions(settings);
    try {
      const given = [environment, model, model.length, options];
      return new NativeSession(
        created(api, (out) => api.createSession(...given, out)),
        names,
      );
    } finally {
      api.releaseOptions(options);
    }
  }

  /** Compiles a model off the main thread. */
  static async compiledApart(
    model: Uint8Array,
    settings: SessionSettings,
    names: EndNames,
  ): Promise<NativeSession> {
    const { api, environment } = runtime();
    const options = sessionOptions(settings);
    try {
      const given = [environment, model, model.length, options];
      return new NativeSession(await createdApart(api, api.createSession, given), names);
    } finally {
      api.releaseOptions(options);
    }
  }

  /**
   * Runs the graph off the main thread.
   *
   * @param inputs pointers to tensors, in the order of their names
   * @param outputs pointers to the tensors to write; where one is 0, onnxruntime replaces it by that of a new tensor
   */
  async run(inputs: BigUint64Array, outputs: BigUint64Array): Promise<void> {
    const { api } = runtime();
    check(api, await offMainThread(api.run, this.runArguments(inputs, outputs)));
  }

  /** Runs the graph on this thread. */
  runNow(inputs: BigUint64Array, outputs: BigUint64Array): void {
    const { api } = runtime();
    check(api, api.run(...this.runArguments(inputs, outputs)));
  }

  private runArguments(inputs: BigUint64Array, outputs: BigUint64Array) {
    const { inputNames, outputNames } = this;
    const given = [inputNames.pointers, inputs, inputs.length];
    return [this.session, null, ...given, outputNames.pointers, outputs.length, outputs];
  }

  release(): void {
    runtime().api.releaseSession(this.session);
  }
}

function sessionOptions({ threads, profile }: SessionSettings): Pointer {
  const { api } = runtime();
  const options = created(api, (out) => api.createOptions(out));
  try {
    check(api, api.setThreads(options, threads));
    check(api, api.setOptimization(options, NO_OPTIMIZATION));
    // The memory pattern allocates one block for all values after the first run: twice the memory, and no gain in time.
    check(api, api.disableMemoryPattern(options));
    check(api, api.setOption(options, "session.use_env_allocators", "1"));
    check(api, api.setOption(options, ...THREADS_SLEEP));
    if (profile) check(api, api.enableProfiling(options, Buffer.from(`${profile}\0`)));
    return options;
  } catch (error) {
    api.releaseOptions(options);
    throw error;
  }
}
