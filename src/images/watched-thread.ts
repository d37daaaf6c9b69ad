/** A thread that reads files of any origin, and is ended when a file holds it up. */

import { parentPort, type Transferable, Worker } from "node:worker_threads";
import { errorMessage } from "../facts/errors.ts";
import { ImageError } from "./image.ts";

/** What the thread says. */
type Message<Answer> =
  | { readonly kind: "ready" }
  /** Part of the work is done: the time for the next part begins. */
  | { readonly kind: "progress" }
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
}

/** On a busy machine, or with a slow disk, a thread is given more time, up to this multiple. */
const MOST_PATIENCE = 6;
/** Memory for objects: beyond it the thread is ended by an error, and not the process. */
const HEAP_MEGABYTES = 1024;

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

  constructor(script: URL) {
    this.worker = new Worker(script, {
      // What libraries print nobody reads.
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES },
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

  private async answer({ path, work, milliseconds }: Subject, request: Request) {
    if (!this.started) throw new Error(`The thread that reads images did not start: ${this.reason}.`);
    if (this.ended) return "thread ended";
    const slow = `${work} took longer than ${Math.round(milliseconds / 1000)} seconds`;
    const watch = watchProgress(milliseconds, () => this.end(slow));
    try {
      let next = this.next();
      this.worker.postMessage(request);
      for (let message = await next; ; message = await next) {
        if (message.kind === "answer") return message.answer;
        if (message.kind === "refused") {
          if (message.last) this.end("it cannot read on");
          throw new ImageError(path, message.message);
        }
        if (message.kind === "failed") throw new Error(message.message);
        next = this.next();
        watch.progressed();
      }
    } catch (error) {
      if (!(error instanceof ThreadEnded)) throw error;
      throw new ImageError(
        path,
        `${path}: cannot be read, or is damaged: ${error.message}. Save it again where it was made.`,
      );
    } finally {
      watch.end();
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

  private end(reason: string): void {
    this.reason ??= reason;
    void this.worker.terminate();
    this.failed?.(this.reason);
  }
}

/**
 * Calls `stuck` once nothing has progressed for a time in which this process also computed as long. A process that computed less
 * waited for the processor or the disk: that is no fault of the file.
 */
function watchProgress(milliseconds: number, stuck: () => void) {
  let [elapsed, computed] = [performance.now(), computedMs()];
  let timer = setTimeout(look, milliseconds);
  function look(): void {
    const waited = performance.now() - elapsed;
    const left = milliseconds - (computedMs() - computed);
    if (left <= 0 || waited >= MOST_PATIENCE * milliseconds) stuck();
    else timer = setTimeout(look, Math.max(left, milliseconds / 10));
  }
  return {
    progressed() {
      [elapsed, computed] = [performance.now(), computedMs()];
      timer.refresh();
    },
    end: () => clearTimeout(timer),
  };
}

/** Processor time of all threads of this process. */
function computedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

class ThreadEnded extends Error {}

function reasonOf(error: NodeJS.ErrnoException): string {
  return error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "it takes more than 1 GB of memory" : error.message;
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
  parentPort?.on("message", async (request: Request) => {
    try {
      const found = await answer(request, () => say({ kind: "progress" }));
      say({ kind: "answer", answer: found }, transferred(found));
    } catch (error) {
      const message = errorMessage(error);
      if (error instanceof ImageError) say({ kind: "refused", message, last: isLast() });
      else say({ kind: "failed", message });
    }
  });
  say({ kind: "ready" });
}

/** The file of a thread beside the module that starts it: its source, or its bundle. */
export function threadScript(name: string, beside: string): URL {
  return new URL(`./${name}.${beside.endsWith(".ts") ? "ts" : "mjs"}`, beside);
}
