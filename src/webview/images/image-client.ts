import { LRUCache } from "lru-cache";
import type {
  ImageReply,
  ImageRequest,
  ImageSummary,
  PlaneView,
  Similarity,
} from "../../protocol/panel-messages.ts";
import { PlaneImage } from "./plane-image.ts";

/** Planes are cached up to this size, so that going back through a stack is immediate. */
const MOST_CACHED_BYTES = 256 * 1024 * 1024;

interface Place {
  readonly path: string;
  readonly view: PlaneView;
  readonly channel: number;
}

/** Requests images and planes from the extension. Rejects with errors whose message is for the user. */
export class ImageClient {
  private requests = 0;
  /** Receivers of replies, by request. */
  private readonly waiting = new Map<number, (reply: ImageReply) => void>();
  private readonly planes = new LRUCache<string, PlaneImage, Place>({
    maxSize: MOST_CACHED_BYTES,
    // A plane larger than the whole cache replaces all others.
    sizeCalculation: ({ values }) => Math.min(values.byteLength, MOST_CACHED_BYTES),
    fetchMethod: (_key, _stale, { context }) => this.read(context),
    ignoreFetchAbort: true,
  });

  constructor(private readonly post: (request: ImageRequest) => void) {}

  /** Receives the extension's replies. */
  receive(reply: ImageReply): void {
    this.waiting.get(reply.request)?.(reply);
    this.waiting.delete(reply.request);
  }

  /** Returns what a file holds now. Drops the cached planes of an earlier version of it. */
  async open(path: string): Promise<ImageSummary> {
    this.forget(path);
    const reply = await this.ask({ type: "open-image", request: ++this.requests, path });
    if (reply.type === "image") return reply.image;
    throw failure(reply);
  }

  private forget(path: string): void {
    for (const key of [...this.planes.keys()]) if (key.startsWith(`${path}\n`)) this.planes.delete(key);
  }

  /** Returns a channel of a plane, from the cache if it is there. */
  plane(path: string, view: PlaneView, channel: number): Promise<PlaneImage> {
    const key = `${path}\n${JSON.stringify(view)} ${channel}`;
    return this.planes.forceFetch(key, { context: { path, view, channel } });
  }

  /** Compares the features at a pixel `[z, y, x]` of a picture of features with those of all places of its folder. */
  async similar(path: string, pixel: readonly [z: number, y: number, x: number]): Promise<Similarity> {
    const reply = await this.ask({ type: "find-similar", request: ++this.requests, path, pixel });
    if (reply.type === "similar") return reply.similarity;
    throw failure(reply);
  }

  private async read(place: Place): Promise<PlaneImage> {
    const reply = await this.ask({ type: "read-plane", request: ++this.requests, ...place });
    if (reply.type === "plane") return new PlaneImage(reply.plane);
    throw failure(reply);
  }

  private ask(request: ImageRequest): Promise<ImageReply> {
    return new Promise((resolve) => {
      this.waiting.set(request.request, resolve);
      this.post(request);
    });
  }
}

function failure(reply: ImageReply): Error {
  return new Error(reply.type === "image-failed" ? reply.message : "The extension sent another answer.");
}
