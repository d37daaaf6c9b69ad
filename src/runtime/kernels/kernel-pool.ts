import { Worker } from "node:worker_threads";
import { optimiserModule } from "./optimiser-module.ts";

/** The kernels of optimiser.as: byte addresses and counts first, then their settings. */
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
  const { parentPort, workerData: { module, memories, finished } } = require("node:worker_threads");
  const kernels = memories.map((memory) => new WebAssembly.Instance(module, { env: { memory } }).exports);
  parentPort.on("message", (calls) => {
    for (const { memory, kernel, values } of calls) kernels[memory][kernel](...values);
    Atomics.add(finished, 0, 1);
    Atomics.notify(finished, 0);
  });`;

/** Runs kernels on several threads at once. */
export class KernelPool {
  private readonly kernels: Kernels[];
  private readonly workers: Worker[];
  private readonly finished = new Int32Array(new SharedArrayBuffer(4));
  /** How many lists of calls were handed to workers, ever. */
  private posted = 0;

  constructor(memories: readonly WebAssembly.Memory[], threads: number) {
    const module = new WebAssembly.Module(optimiserModule());
    this.kernels = memories.map(
      (memory) => new WebAssembly.Instance(module, { env: { memory } }).exports as Kernels,
    );
    this.workers = Array.from({ length: threads - 1 }, () => {
      const worker = new Worker(WORKER, {
        eval: true,
        workerData: { module, memories, finished: this.finished },
      });
      worker.unref();
      return worker;
    });
  }

  get threads(): number {
    return this.workers.length + 1;
  }

  /** Starts a list of calls on another thread (on this one where there is none); later runs wait for it. */
  runInBackground(calls: readonly KernelCall[]): void {
    if (this.workers.length === 0) this.runHere(calls);
    else this.post(0, calls);
  }

  /** Runs one list of calls on each thread, the first on this one, and returns when all are done. */
  run(perThread: readonly (readonly KernelCall[])[]): void {
    const [own, ...others] = perThread;
    this.wait();
    others.forEach((calls, index) => {
      this.post(index, calls);
    });
    this.runHere(own);
    this.wait();
  }

  private post(worker: number, calls: readonly KernelCall[]): void {
    this.posted++;
    this.workers[worker].postMessage(calls);
  }

  /** Runs calls on this thread at once, whatever the others do. */
  runHere(calls: readonly KernelCall[]): void {
    for (const { memory, kernel, values } of calls) this.kernels[memory][kernel](...values);
  }

  /** Waits for all that other threads were given. */
  wait(): void {
    let done = Atomics.load(this.finished, 0);
    while (done < this.posted) {
      Atomics.wait(this.finished, 0, done);
      done = Atomics.load(this.finished, 0);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }
}
