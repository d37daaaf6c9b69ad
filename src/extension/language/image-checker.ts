/** Looks at images in a thread of its own. Files that hold it up for too long end it, not the extension host. */
import { Worker } from "node:worker_threads";
import type { Problem } from "../../facts/run-events.ts";

export type ImageCheckRequest =
  /** What is wrong with the images that a configuration names; relative paths are relative to `folder`. */
  | { readonly kind: "check"; readonly path: string; readonly text: string; readonly folder: string }
  /** How many channels the first image of a folder has. */
  | { readonly kind: "channels"; readonly folder: string }
  /** What the images of a folder are, as Markdown. */
  | { readonly kind: "summary"; readonly folder: string }
  /** What files, and the images of folders, are, as text. */
  | { readonly kind: "report"; readonly paths: readonly string[] };

export interface ImageCheckReply {
  readonly id: number;
  readonly value: Problem[] | string | number | undefined;
  readonly error?: string;
}

/** The thread is ended where an answer takes longer. */
const MOST_MILLISECONDS = 60_000;

export class ImageChecker {
  private worker: Worker | undefined;
  private requests = 0;
  private readonly waiting = new Map<number, (reply: ImageCheckReply) => void>();

  /** @param script the worker's bundle, `dist/image-check-worker.mjs` */
  constructor(
    private readonly script: string,
    private readonly milliseconds = MOST_MILLISECONDS,
  ) {}

  async check(path: string, text: string, folder: string): Promise<Problem[]> {
    const found = await this.ask({ kind: "check", path, text, folder });
    return Array.isArray(found) ? found : [];
  }

  /** 1 where no image can be read. */
  async channels(folder: string): Promise<number> {
    const found = await this.ask({ kind: "channels", folder });
    return typeof found === "number" ? found : 1;
  }

  async summary(folder: string): Promise<string> {
    return String(await this.ask({ kind: "summary", folder }));
  }

  async report(paths: readonly string[]): Promise<string> {
    return String(await this.ask({ kind: "report", paths }));
  }

  dispose(): void {
    this.end("the window closes");
  }

  /** Asks the thread, which starts with the first question. Rejects where it fails or takes too long. */
  private async ask(request: ImageCheckRequest): Promise<ImageCheckReply["value"]> {
    const id = ++this.requests;
    const slow = `the images could not be looked at within ${this.milliseconds / 1000} seconds`;
    const timer = setTimeout(() => this.end(slow), this.milliseconds).unref();
    const reply = await new Promise<ImageCheckReply>((resolve) => {
      this.waiting.set(id, resolve);
      this.thread().postMessage({ id, request });
    });
    clearTimeout(timer);
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply.value;
  }

  private thread(): Worker {
    if (this.worker !== undefined) return this.worker;
    const worker = new Worker(this.script);
    worker.on("message", (reply: ImageCheckReply) => {
      this.waiting.get(reply.id)?.(reply);
      this.waiting.delete(reply.id);
    });
    worker.on("error", (error) => this.end(error.message));
    worker.on("exit", () => {
      if (this.worker === worker) this.end("the thread that looks at images ended");
    });
    // A window may close while the thread is idle.
    worker.unref();
    this.worker = worker;
    return worker;
  }

  private end(error: string): void {
    void this.worker?.terminate();
    this.worker = undefined;
    for (const [id, resolve] of this.waiting) resolve({ id, value: undefined, error });
    this.waiting.clear();
  }
}
