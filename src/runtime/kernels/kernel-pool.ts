/** Threads that run the optimizer's WebAssembly kernels (optimizer.as) on shared memory. */
import { Worker } from "node:worker_threads";
import { at } from "../../facts/checked-lists.ts";
import { optimizerModule } from "./optimizer-module.ts";

/** The kernels of optimizer.as. Each takes byte addresses and counts first, then its settings. */
export type KernelName = "adam" | "sgd" | "uniform" | "zero";
type Kernels = Readonly<Record<KernelName, (...values: number[]) => void>>;

/** A call of a kernel. */
export interface KernelCall {
  /** Index of the pool's memory that the addresses refer to. */
  readonly memory: number;
  readonly kernel: KernelName;
  readonly values: readonly number[];
}

const PAGE = 65536;
const MAXIMUM_PAGES = 65536;

/** Allocates memory shared by the kernels and onnxruntime: at least `bytes` bytes, at most 4 GiB. */
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

/** A thread of the pool has ended, or the pool is closed: its calls are not done, and it takes no more. */
export class KernelError extends Error {
  override readonly name = "KernelError";
}

/** Runs kernels on several threads at once. */
export class KernelPool {
  private readonly kernels: Kernels[];
  private readonly workers: readonly KernelThread[];
  private background: Promise<void> = Promise.resolve();

  constructor(memories: readonly WebAssembly.Memory[], threads: number) {
    const module = new WebAssembly.Module(optimizerModule());
    this.kernels = memories.map(
      (memory) => new WebAssembly.Instance(module, { env: { memory } }).exports as Kernels,
    );
    this.workers = Array.from(
      { length: threads - 1 },
      () => new KernelThread(new Worker(WORKER, { eval: true, workerData: { module, memories } })),
    );
  }

  get threads(): number {
    return this.workers.length + 1;
  }

  /** Starts calls on a worker thread, or runs them here where there is none. {@link settled} waits for them. */
  runInBackground(calls: readonly KernelCall[]): void {
    const [worker] = this.workers;
    if (worker === undefined) {
      this.runHere(calls);
      return;
    }
    this.background = Promise.all([this.background, worker.run(calls)]).then(() => {});
    // A failure rejects in settled(), not as an unhandled rejection.
    this.background.catch(() => {});
  }

  /** Resolves when all background calls are done. Rejects with {@link KernelError}. */
  settled(): Promise<void> {
    return this.background;
  }

  /**
   * Runs one list of calls on each thread, the first on this one. Resolves when all are done. Rejects with {@link KernelError} if a
   * thread has ended before.
   */
  async run([own = [], ...others]: readonly (readonly KernelCall[])[]): Promise<void> {
    await this.settled();
    const onWorkers = Promise.all(others.map((calls, index) => at(this.workers, index).run(calls)));
    // Awaited below, unless this thread fails first.
    onWorkers.catch(() => {});
    this.runHere(own);
    await onWorkers;
  }

  /** Runs calls on this thread, without waiting for the others. */
  runHere(calls: readonly KernelCall[]): void {
    for (const { memory, kernel, values } of calls) at(this.kernels, memory)[kernel](...values);
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((thread) => thread.close()));
  }
}

/** A list of calls that a thread has not finished yet. */
interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: KernelError) => void;
}

/** A worker thread. It keeps the process alive only while calls are pending. */
class KernelThread {
  /** In the order in which they finish. */
  private readonly pending: Pending[] = [];
  private failure: KernelError | undefined;
  private closing = false;

  constructor(private readonly worker: Worker) {
    worker.unref();
    worker.on("message", () => {
      this.pending.shift()?.resolve();
      // Not while closing: close() waits for the thread to end, and its last message may arrive before that.
      if (this.pending.length === 0 && !this.closing) worker.unref();
    });
    worker.on("error", (error) => this.fail(`An optimizer thread failed: ${error.message}.`));
    worker.on("exit", () => this.fail("An optimizer thread ended before its work was done."));
  }

  run(calls: readonly KernelCall[]): Promise<void> {
    const { failure } = this;
    if (failure !== undefined) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      this.pending.push({ resolve, reject });
      this.worker.ref();
      this.worker.postMessage(calls);
    });
  }

  private fail(message: string): void {
    this.failure ??= new KernelError(message);
    for (const { reject } of this.pending.splice(0)) reject(this.failure);
    this.worker.unref();
  }

  async close(): Promise<void> {
    this.closing = true;
    this.fail("The optimizer's threads are closed.");
    await this.worker.terminate();
  }
}
