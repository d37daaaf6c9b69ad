import { Worker } from "node:worker_threads";
import { optimizerModule } from "./optimizer-module.ts";

/** The kernels of optimizer.as: byte addresses and counts first, then their settings. */
export type KernelName = "adam" | "sgd" | "uniform" | "zero";
type Kernels = Readonly<Record<KernelName, (...values: number[]) => void>>;

export interface KernelCall {
  /** Which of the pool's memories the addresses are in. */
  readonly memory: number;
  readonly kernel: KernelName;
  readonly values: readonly number[];
}

const PAGE = 65536;
const MAXIMUM_PAGES = 65536;

/** Shared memory that the kernels and onnxruntime both work on, of at least `bytes` bytes (4 GiB at most). */
export function sharedMemory(bytes: number): WebAssembly.Memory {
  const pages = Math.ceil(bytes / PAGE) || 1;
  return new WebAssembly.Memory({ initial: pages, maximum: MAXIMUM_PAGES, shared: true });
}

const WORKER = `
  const { parentPort, workerData: { module, memories } } = require("node:worker_threads");
  const kernels = memories.map((memory) => new WebAssembly.Instance(module, { env: { memory } }).exports);
  parentPort.on("message", (calls) => {
    for (const { memory, kernel, values } of calls) kernels[memory][kernel](...values);
    parentPort.postMessage("done");
  });`;

/** A thread of the pool ended, or the pool is closed: what it was given is not done, and nothing more can be. */
export class KernelError extends Error {
  override readonly name = "KernelError";
}

/** Runs kernels on several threads at once. */
export class KernelPool {
  private readonly kernels: Kernels[];
  private readonly threadsBeside: readonly KernelThread[];
  private background: Promise<void> = Promise.resolve();

  constructor(memories: readonly WebAssembly.Memory[], threads: number) {
    const module = new WebAssembly.Module(optimizerModule());
    this.kernels = memories.map(
      (memory) => new WebAssembly.Instance(module, { env: { memory } }).exports as Kernels,
    );
    this.threadsBeside = Array.from(
      { length: threads - 1 },
      () => new KernelThread(new Worker(WORKER, { eval: true, workerData: { module, memories } })),
    );
  }

  get threads(): number {
    return this.threadsBeside.length + 1;
  }

  /** Starts a list of calls on another thread, or runs it on this one where there is no other. {@link settled} waits for it. */
  runInBackground(calls: readonly KernelCall[]): void {
    const [first] = this.threadsBeside;
    if (first === undefined) {
      this.runHere(calls);
      return;
    }
    this.background = Promise.all([this.background, first.run(calls)]).then(() => {});
    // Whoever waits for it learns of a failure.
    this.background.catch(() => {});
  }

  /** Resolves when nothing runs in the background any more. Rejects with {@link KernelError}. */
  settled(): Promise<void> {
    return this.background;
  }

  /**
   * Runs one list of calls on each thread, the first on this one. Resolves when all are done; rejects with {@link KernelError} where a
   * thread ended before.
   */
  async run([own = [], ...others]: readonly (readonly KernelCall[])[]): Promise<void> {
    await this.settled();
    const beside = Promise.all(others.map((calls, index) => this.threadsBeside[index].run(calls)));
    // Awaited below, unless this thread fails first.
    beside.catch(() => {});
    this.runHere(own);
    await beside;
  }

  /** Runs calls on this thread at once, whatever the others do. */
  runHere(calls: readonly KernelCall[]): void {
    for (const { memory, kernel, values } of calls) this.kernels[memory][kernel](...values);
  }

  async close(): Promise<void> {
    await Promise.all(this.threadsBeside.map((thread) => thread.close()));
  }
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: KernelError) => void;
}

/** One thread. It keeps the process alive only while somebody waits for it. */
class KernelThread {
  /** Those who wait for their calls, in the order in which they are done. */
  private readonly waiting: Waiting[] = [];
  private failure: KernelError | undefined;
  private closing = false;

  constructor(private readonly worker: Worker) {
    worker.unref();
    worker.on("message", () => {
      this.waiting.shift()?.resolve();
      // A thread that is being ended keeps the process alive until it has: its last message may come meanwhile.
      if (this.waiting.length === 0 && !this.closing) worker.unref();
    });
    worker.on("error", (error) => this.fail(`A thread of the optimizer failed: ${error.message}.`));
    worker.on("exit", () => this.fail("A thread of the optimizer ended before its work was done."));
  }

  run(calls: readonly KernelCall[]): Promise<void> {
    const { failure } = this;
    if (failure !== undefined) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.worker.ref();
      this.worker.postMessage(calls);
    });
  }

  private fail(message: string): void {
    this.failure ??= new KernelError(message);
    for (const { reject } of this.waiting.splice(0)) reject(this.failure);
    this.worker.unref();
  }

  async close(): Promise<void> {
    this.closing = true;
    this.fail("The optimizer's threads are closed.");
    await this.worker.terminate();
  }
}
