import { Worker } from "node:worker_threads";
import type { ImageReply, ImageRequest } from "../../protocol/panel-messages.ts";

/** Reads images for webviews in a separate thread, which starts with the first image. */
export class ImageReader {
  private worker: Worker | undefined;
  private requests = 0;
  private readonly waiting = new Map<number, (reply: ImageReply) => void>();

  /** @param script the worker's bundle, `dist/image-worker.mjs` */
  constructor(private readonly script: string) {}

  /** The reply to a request, under the number that its sender gave it. Never rejects. */
  async answer(request: ImageRequest): Promise<ImageReply> {
    const number = ++this.requests;
    const reply = await new Promise<ImageReply>((resolve) => {
      this.waiting.set(number, resolve);
      this.thread().postMessage({ ...request, request: number });
    });
    return { ...reply, request: request.request };
  }

  dispose(): void {
    void this.worker?.terminate();
    this.worker = undefined;
  }

  private thread(): Worker {
    if (this.worker !== undefined) return this.worker;
    const worker = new Worker(this.script);
    worker.on("message", (reply: ImageReply) => this.settle(reply));
    worker.on("error", (error) => this.failAll(error.message));
    worker.on("exit", () => {
      if (this.worker === worker) this.worker = undefined;
      this.failAll("the thread that reads images ended");
    });
    // A window may close while the thread is idle.
    worker.unref();
    this.worker = worker;
    return worker;
  }

  private settle(reply: ImageReply): void {
    this.waiting.get(reply.request)?.(reply);
    this.waiting.delete(reply.request);
  }

  private failAll(reason: string): void {
    for (const request of [...this.waiting.keys()]) {
      this.settle({ type: "image-failed", request, message: `The image cannot be read: ${reason}.` });
    }
  }
}
