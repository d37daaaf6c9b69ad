import { ImageError } from "../../images/image.ts";
import type { ImageReply, ImageRequest } from "../../protocol/panel-messages.ts";
import type { ImageStore } from "./image-store.ts";

/** Answers a page's request about images. Never rejects: failures are replies too. */
export async function answerImageRequest(store: ImageStore, request: ImageRequest): Promise<ImageReply> {
  const { request: number, path } = request;
  try {
    if (request.type === "open-image") {
      return { type: "image", request: number, image: await store.open(path) };
    }
    return {
      type: "plane",
      request: number,
      plane: await store.plane(path, request.view, request.channel),
    };
  } catch (error) {
    const message =
      error instanceof ImageError ? error.message : `${path}: cannot be read (${(error as Error).message}).`;
    return { type: "image-failed", request: number, message };
  }
}
