import { errorMessage } from "../../facts/errors.ts";
import { ImageError } from "../../images/image.ts";
import type { ImageReply, ImageRequest } from "../../protocol/panel-messages.ts";
import { findSimilar } from "./find-similar.ts";
import type { ImageStore } from "./image-store.ts";

/** Answers a page's request about images. Never rejects: failures are replies too. `progress` is called after each image and each place of a search. */
export async function answerImageRequest(
  store: ImageStore,
  request: ImageRequest,
  progress: () => void = () => {},
): Promise<ImageReply> {
  const { request: number, path } = request;
  try {
    if (request.type === "open-image") {
      return { type: "image", request: number, image: await store.open(path) };
    }
    if (request.type === "find-similar")
      return {
        type: "similar",
        request: number,
        similarity: await findSimilar(store, path, request.pixel, progress),
      };
    return {
      type: "plane",
      request: number,
      plane: await store.plane(path, request.view, request.channel),
    };
  } catch (error) {
    const message =
      error instanceof ImageError ? error.message : `${path}: cannot be read (${errorMessage(error)}).`;
    return { type: "image-failed", request: number, message };
  }
}
