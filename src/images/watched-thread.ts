/** A thread that reads files of any origin, and is ended when a file holds it up. */

import { parentPort, type Transferable, Worker, workerData } from "node:worker_threads";
import { errorCode, errorMessage } from "../facts/errors.ts";
import { threadArguments } from "../facts/files/thread-script.ts";
import { bytes } from "../facts/format.ts";
import { whenBytesArrive } from "./file-bytes.ts";
import { ImageError } from "./image.ts";

/** What the thread says. */
type Message<Answer> =
  | { readonly kind: "ready" }
  /** Part of the work is done: the time for the next part begins. */
  | { readonly kind: "progress" }
  /** Bytes of the file arrived: the thread is not held up by its disk. */
  | { readonly kind: "bytes" }
  | { readonly kind: "answer"; readonly answer: Answer }
  /** The file is refused; after the `last` answer the thread can do nothing more. */
  | { readonly kind: "refused"; readonly message: string; readonly last: boolean }
  | { readonly kind: "failed"; readonly message: string };

/** What a request is about. */
export interface Subject {
  readonly path: string;
  /** What took too long, as "reading its dataset /raw". */
  readonly work: string;
  /** Time until the next sign of progress: elapsed, and computed by this process. */
  readonly milliseconds: number;
  /**
   * Memory of all kinds by which this process may grow meanwhile. Memory that the C library kept when an earlier thread ended is used
   * again without growth. Defaults to no limit, for threads beside other work.
   */
  readonly mostBytes?: number;
}

/**
 * Limits for looking at a file, or at one stored piece of it. With what a process holds already, 800 MB stay below 1 GB: at the first
 * file. After ten refused files in a row the C library had kept so much that the process held 1.7 GB.
 */
export const LOOK = { work: "looking at it", milliseconds: 5000, mostBytes: 800e6 } as const;
/** Time between looks at the memory: pixels are decoded at about 1 GB a second. */
const MEMORY_MS = 20;

/** On a busy machine, or while a slow disk delivers nothing, a thread is given more time, up to this multiple. */
const MOST_PATIENCE = 6;
/** Time between messages that bytes arrive. */
const BYTES_MS = 1000;
/** Memory for objects: beyond it the thread is ended by an error, and not the process. */
const HEAP_MEGABYTES = 1024;

/** What a watched thread learns from the process that started it. */
export interface ThreadData {
  /** Whether other work runs in this process, such as other extensions in the extension host. */
  readonly shared: boolean;
}

/** A thread that was started by another one shares its process with the same work. */
const startedShared = (workerData as ThreadData | null)?.shared === true;

/** One thread. It is given one request after the other, so that the file which holds it up is known. */
export class WatchedThread<Request, Answer> {
  private readonly worker: Worker;
  private turn: Promise<unknown>;
  private started = false;
  /** What waits for the next message. */
  private heard: ((message: Message<Answer>) => void) | undefined;
  private failed: ((reason: string) => void) | undefined;
  /** Why the thread was ended. */
  private reason: string | undefined;

  constructor(
    script: URL,
    private readonly shared = startedShared,
  ) {
    this.worker = new Worker(script, {
      // What libraries print nobody reads.
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES },
      workerData: { shared } satisfies ThreadData,
      ...threadArguments(script),
    });
    this.worker.on("message", (message: Message<Answer>) => this.heard?.(message));
    this.worker.on("error", (error) => this.end(reasonOf(error)));
    this.worker.on("exit", () => this.end("its thread ended"));
    this.turn = this.next().then(
      () => {
        this.started = true;
      },
      () => {},
    );
  }

  get ended(): boolean {
    return this.reason !== undefined;
  }

  /**
   * Asks for one thing, after what was asked before. Returns "thread ended" where another file ended the thread meanwhile.
   *
   * Throws {@link ImageError} if the file is refused or takes too long.
   */
  ask(subject: Subject, request: Request): Promise<Answer | "thread ended"> {
    const answer = this.turn.then(() => this.answer(subject, request));
    this.turn = answer.catch(() => {});
    return answer;
  }

  /** Ends the thread. What it is asked to do fails. */
  close(): void {
    this.end("it is no longer needed");
  }

  private async answer({ path, work, milliseconds, mostBytes }: Subject, request: Request) {
    if (!this.started) throw new Error(`The thread that reads images did not start: ${this.reason}.`);
    if (this.ended) return "thread ended";
    const seconds = (time: number) => `${Math.round(time / 1000)} seconds`;
    const watch = watchProgress(milliseconds, {
      stopwatch: () => this.stopwatch(),
      stuck: () => this.end(`${work} took longer than ${seconds(milliseconds)}`),
      waited: () =>
        this.end(`its disk or network delivered nothing for ${seconds(MOST_PATIENCE * milliseconds)}`),
    });
    let large = false;
    const unwatch = watchMemory(mostBytes, () => {
      large = true;
      this.end(`${work} takes more than ${bytes(mostBytes ?? 0)} of memory`);
    });
    try {
      let next = this.next();
      this.worker.postMessage(request);
      for (let message = await next; ; message = await next) {
        if (message.kind === "answer") {
          suspects.delete(path);
          return message.answer;
        }
        if (message.kind === "refused") {
          suspects.delete(path);
          if (message.last) this.end("it cannot read on");
          throw new ImageError(path, message.message);
        }
        if (message.kind === "failed") throw new Error(message.message);
        next = this.next();
        if (message.kind === "bytes") watch.received();
        else watch.progressed();
      }
    } catch (error) {
      if (!(error instanceof ThreadEnded)) throw error;
      // The next look begins when the memory is free again.
      if (large) await this.worker.terminate();
      if (large && this.shared && !suspects.has(path)) {
        suspects.add(path);
        return "thread ended";
      }
      suspects.delete(path);
      const advice = watch.idle
        ? "Check the connection, or copy it to this computer"
        : large
          ? "Save it in smaller tiles or chunks"
          : "Save it again where it was made";
      const reason = watch.idle || large ? "cannot be read" : "cannot be read, or is damaged";
      throw new ImageError(path, `${path}: ${reason}: ${error.message}. ${advice}.`);
    } finally {
      watch.end();
      unwatch();
    }
  }

  /** The thread's next message. The process waits for it, and for an idle thread it does not. */
  private next(): Promise<Message<Answer>> {
    this.worker.ref();
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.heard = undefined;
        this.failed = undefined;
        this.worker.unref();
      };
      this.heard = (message) => {
        settle();
        resolve(message);
      };
      this.failed = (reason) => {
        settle();
        reject(new ThreadEnded(reason));
      };
    });
  }

  /**
   * Measures the processor time of this process. Where that is also spent on other work, the time in which the thread did not wait is
   * the most that counts.
   */
  private stopwatch(): () => number {
    const activeMs = () => this.worker.performance.eventLoopUtilization().active;
    const [all, active] = [processMs(), activeMs()];
    return () => Math.min(processMs() - all, this.shared ? activeMs() - active : Number.POSITIVE_INFINITY);
  }

  private end(reason: string): void {
    this.reason ??= reason;
    void this.worker.terminate();
    this.failed?.(this.reason);
  }
}

/** Starts a thread to read a file. Throws {@link ImageError} if this computer has too little memory for one more. */
export function startThread<Request, Answer>(
  script: URL,
  path: string,
  shared?: boolean,
): WatchedThread<Request, Answer> {
  try {
    return new WatchedThread(script, shared);
  } catch (error) {
    if (errorCode(error) !== "ERR_WORKER_INIT_FAILED") throw error;
    throw new ImageError(path, `${path}: cannot be read. This computer has too little free memory.`);
  }
}

interface Watch {
  /** Begins to measure how many milliseconds the work computes; the returned function reads them. */
  readonly stopwatch: () => () => number;
  /** Called once nothing has progressed for a time in which as long was computed. */
  readonly stuck: () => void;
  /** Called once nothing has progressed and no bytes have arrived for {@link MOST_PATIENCE} times as long. */
  readonly waited: () => void;
}

/** Watches work that reports its progress. Work that computes less waits for the processor or the disk, which is no fault of the file. */
function watchProgress(milliseconds: number, { stopwatch, stuck, waited }: Watch) {
  let idle = false;
  let [received, computed] = [performance.now(), stopwatch()];
  let timer = setTimeout(look, milliseconds);
  function look(): void {
    const left = milliseconds - computed();
    idle = left > 0 && performance.now() - received >= MOST_PATIENCE * milliseconds;
    if (left <= 0) stuck();
    else if (idle) waited();
    else timer = setTimeout(look, Math.max(left, milliseconds / 10));
  }
  return {
    /** Whether the work was ended while it waited. */
    get idle() {
      return idle;
    },
    received() {
      received = performance.now();
    },
    progressed() {
      [received, computed] = [performance.now(), stopwatch()];
      timer.refresh();
    },
    end: () => clearTimeout(timer),
  };
}

/** Files that took too much memory when they were last looked at. In a process with other work, only the second time refuses them. */
const suspects = new Set<string>();

/** Calls `exceeded` once the process has grown by more than `most`, besides what this thread allocates itself. */
function watchMemory(most: number | undefined, exceeded: () => void): () => void {
  if (most === undefined) return () => {};
  let least = memoryOfOthers();
  const timer = setInterval(() => {
    const now = memoryOfOthers();
    if (now - least > most) exceeded();
    if (!(now >= least)) least = now;
  }, MEMORY_MS);
  return () => clearInterval(timer);
}

/** Memory of this process without what this thread allocated. NaN if it cannot be read: Linux needs a free file descriptor. */
function memoryOfOthers(): number {
  try {
    const { rss, heapTotal, external } = process.memoryUsage();
    return rss - heapTotal - external;
  } catch {
    return Number.NaN;
  }
}

/** Processor time of all threads of this process. */
function processMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

class ThreadEnded extends Error {}

function reasonOf(error: NodeJS.ErrnoException): string {
  return error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "it takes more than 1 GB of memory" : error.message;
}

/** In the thread: tells that part of the work is done. */
export function reportProgress(): void {
  parentPort?.postMessage({ kind: "progress" } satisfies Message<never>);
}

/**
 * Answers requests in the thread itself.
 *
 * @param answer called with a request and a function that tells of progress
 * @param isLast whether the thread cannot go on after the answer
 */
export function serveRequests<Request, Answer>(
  answer: (request: Request, progress: () => void) => Promise<Answer>,
  {
    isLast = () => false,
    transferred = () => [],
  }: {
    readonly isLast?: () => boolean;
    readonly transferred?: (answer: Answer) => Transferable[];
  } = {},
): void {
  const say = (message: Message<Answer>, moved: Transferable[] = []) =>
    parentPort?.postMessage(message, moved);
  let told = 0;
  whenBytesArrive(() => {
    if (performance.now() - told < BYTES_MS) return;
    told = performance.now();
    say({ kind: "bytes" });
  });
  parentPort?.on("message", async (request: Request) => {
    try {
      const found = await answer(request, reportProgress);
      say({ kind: "answer", answer: found }, transferred(found));
    } catch (error) {
      const message = errorMessage(error);
      if (error instanceof ImageError) say({ kind: "refused", message, last: isLast() });
      else say({ kind: "failed", message });
    }
  });
  say({ kind: "ready" });
}
