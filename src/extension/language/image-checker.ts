/** Inspects images in a separate thread, which is ended if it shows no progress. */
import { Worker } from "node:worker_threads";
import type { Problem } from "../../facts/run-events.ts";
import type { ThreadData } from "../../images/watched-thread.ts";
import type { FolderContent, ImageFolder } from "./folder-content.ts";

/** A request to the thread. */
export type ImageCheckRequest =
  /** Problems of a configuration's images; relative paths are resolved against `folder`. */
  | {
      readonly kind: "check";
      readonly path: string;
      readonly text: string;
      readonly folder: string;
      readonly network: boolean;
    }
  /** Facts about some images of a folder. */
  | { readonly kind: "content"; readonly folder: string }
  /** The image folders below a folder. */
  | { readonly kind: "folders"; readonly folder: string }
  /** Describes a folder's images, as Markdown. */
  | { readonly kind: "summary"; readonly folder: string }
  /** Describes files and the images of folders, as text. */
  | { readonly kind: "report"; readonly paths: readonly string[] };

/** The answer to each kind of request. */
interface Answers {
  readonly check: Problem[];
  readonly content: FolderContent | undefined;
  readonly folders: ImageFolder[];
  readonly summary: string;
  readonly report: string;
}

type Kind = ImageCheckRequest["kind"];

/** A reply of the thread, with the number of its request. */
export type ImageCheckReply =
  | { readonly id: number; readonly kind: "failed"; readonly error: string }
  /** Of any request. */
  | { readonly id: 0; readonly kind: "progress" }
  | { readonly [K in Kind]: { readonly id: number; readonly kind: K; readonly value: Answers[K] } }[Kind];

/** The thread is ended if nothing progresses for longer. A single image is refused sooner, by name (`inspection-thread.ts`). */
const MOST_MILLISECONDS = 60_000;

/** Asks the thread that inspects images. Its methods reject if the thread fails or shows no progress. */
export class ImageChecker {
  private worker: Worker | undefined;
  private requests = 0;
  private readonly waiting = new Map<number, (reply: ImageCheckReply) => void>();
  private timer: NodeJS.Timeout | undefined;

  /** @param script the worker's bundle, `dist/image-check-worker.mjs` */
  constructor(
    private readonly script: string,
    private readonly milliseconds = MOST_MILLISECONDS,
  ) {}

  /** Returns the problems of a configuration's images; `network` allows paths on other computers. */
  async check(path: string, text: string, folder: string, network: boolean): Promise<Problem[]> {
    const reply = await this.ask({ kind: "check", path, text, folder, network });
    return reply.kind === "check" ? reply.value : [];
  }

  /** Returns facts about some images of a folder; undefined if none can be read. */
  async folderContent(folder: string): Promise<FolderContent | undefined> {
    const reply = await this.ask({ kind: "content", folder });
    return reply.kind === "content" ? reply.value : undefined;
  }

  /** Returns the folders of images at or below a folder. */
  async imageFolders(folder: string): Promise<ImageFolder[]> {
    const reply = await this.ask({ kind: "folders", folder });
    return reply.kind === "folders" ? reply.value : [];
  }

  /** Describes a folder's images, as Markdown. */
  async summary(folder: string): Promise<string> {
    const reply = await this.ask({ kind: "summary", folder });
    return reply.kind === "summary" ? reply.value : "";
  }

  /** Describes files, and the images of folders, as text. */
  async report(paths: readonly string[]): Promise<string> {
    const reply = await this.ask({ kind: "report", paths });
    return reply.kind === "report" ? reply.value : "";
  }

  dispose(): void {
    this.end("the window closes");
  }

  /** Sends a request to the thread, which starts with the first one. Rejects if it fails or takes too long. */
  private async ask(request: ImageCheckRequest): Promise<ImageCheckReply> {
    const id = ++this.requests;
    const slow = `looking at the images showed no progress for ${this.milliseconds / 1000} seconds`;
    this.timer ??= setTimeout(() => this.end(slow), this.milliseconds).unref();
    const reply = await new Promise<ImageCheckReply>((resolve) => {
      this.waiting.set(id, resolve);
      this.thread().postMessage({ id, request });
    });
    if (this.waiting.size === 0) this.stopTimer();
    if (reply.kind === "failed") throw new Error(reply.error);
    return reply;
  }

  private thread(): Worker {
    if (this.worker !== undefined) return this.worker;
    const worker = new Worker(this.script, { workerData: { shared: true } satisfies ThreadData });
    worker.on("message", (reply: ImageCheckReply) => {
      this.timer?.refresh();
      this.waiting.get(reply.id)?.(reply);
      this.waiting.delete(reply.id);
    });
    worker.on("error", (error) => this.end(error.message));
    worker.on("exit", () => {
      if (this.worker === worker) this.end("the thread that inspects images ended");
    });
    // A window may close while the thread is idle.
    worker.unref();
    this.worker = worker;
    return worker;
  }

  private stopTimer(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private end(error: string): void {
    this.stopTimer();
    void this.worker?.terminate();
    this.worker = undefined;
    for (const [id, resolve] of this.waiting) resolve({ id, kind: "failed", error });
    this.waiting.clear();
  }
}
