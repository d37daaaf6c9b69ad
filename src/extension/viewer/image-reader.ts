import { pathToFileURL } from "node:url";
import { errorMessage } from "../../facts/errors.ts";
import { LOOK, startThread, type WatchedThread } from "../../images/watched-thread.ts";
import type { ImageReply, ImageRequest } from "../../protocol/panel-messages.ts";

/** Reads images for webviews in a separate thread, which starts with the first image. A file that holds it up is refused by name. */
export class ImageReader {
  private thread: WatchedThread<ImageRequest, ImageReply> | undefined;

  /** @param script the worker's bundle, `dist/image-worker.mjs` */
  constructor(private readonly script: string) {}

  /** The reply to a request. Never rejects. */
  async answer(request: ImageRequest): Promise<ImageReply> {
    const { path } = request;
    try {
      if (this.thread === undefined || this.thread.ended)
        this.thread = startThread(pathToFileURL(this.script), path, true);
      const reply = await this.thread.ask({ path, ...LOOK }, request);
      return reply === "thread ended" ? this.answer(request) : reply;
    } catch (error) {
      return { type: "image-failed", request: request.request, message: errorMessage(error) };
    }
  }

  dispose(): void {
    this.thread?.close();
    this.thread = undefined;
  }
}
