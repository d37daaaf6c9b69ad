import type { ImageReply, ImageRequest, ImageSummary, PlaneView } from "../../protocol/panel-messages.ts";
import { PlaneImage } from "./plane-image.ts";

/** Planes are cached up to this size, so that going back through a stack is immediate. */
const MOST_CACHED_BYTES = 256 * 1024 * 1024;

interface Waiting {
  readonly resolve: (reply: ImageReply) => void;
}

/** Requests images and planes from the extension. Rejects with errors whose message is for people. */
export class ImageClient {
  private requests = 0;
  private readonly waiting = new Map<number, Waiting>();
  private readonly planes = new Map<string, Promise<PlaneImage>>();
  private readonly sizes = new Map<string, number>();

  constructor(private readonly post: (request: ImageRequest) => void) {}

  /** Receives the extension's replies. */
  receive(reply: ImageReply): void {
    this.waiting.get(reply.request)?.resolve(reply);
    this.waiting.delete(reply.request);
  }

  /** Returns what a file holds now. Drops the cached planes of an earlier version of it. */
  async open(path: string): Promise<ImageSummary> {
    this.forget(path);
    const reply = await this.ask({ type: "open-image", request: ++this.requests, path });
    if (reply.type === "image") return reply.image;
    throw failure(reply);
  }

  forget(path: string): void {
    for (const key of [...this.planes.keys()]) if (key.startsWith(`${path}\n`)) this.drop(key);
  }

  async plane(path: string, view: PlaneView, channel: number): Promise<PlaneImage> {
    const key = `${path}\n${JSON.stringify(view)} ${channel}`;
    const known = this.planes.get(key);
    const plane = known ?? this.read(path, view, channel);
    // Least recently used first.
    this.planes.delete(key);
    this.planes.set(key, plane);
    if (known === undefined) {
      plane.then(
        ({ values }) => this.keep(key, values.byteLength),
        () => this.drop(key),
      );
    }
    return plane;
  }

  private async read(path: string, view: PlaneView, channel: number): Promise<PlaneImage> {
    const reply = await this.ask({ type: "read-plane", request: ++this.requests, path, view, channel });
    if (reply.type === "plane") return new PlaneImage(reply.plane);
    throw failure(reply);
  }

  private keep(key: string, size: number): void {
    if (!this.planes.has(key)) return;
    this.sizes.set(key, size);
    let total = [...this.sizes.values()].reduce((sum, each) => sum + each, 0);
    for (const old of [...this.planes.keys()]) {
      if (total <= MOST_CACHED_BYTES || old === key) break;
      total -= this.sizes.get(old) ?? 0;
      this.drop(old);
    }
  }

  private drop(key: string): void {
    this.planes.delete(key);
    this.sizes.delete(key);
  }

  private ask(request: ImageRequest): Promise<ImageReply> {
    return new Promise((resolve) => {
      this.waiting.set(request.request, { resolve });
      this.post(request);
    });
  }
}

function failure(reply: ImageReply): Error {
  return new Error(reply.type === "image-failed" ? reply.message : "The extension sent another answer.");
}
