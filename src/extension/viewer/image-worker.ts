/** The thread that decodes images, so that the extension host, which all extensions share, is not blocked. */
import { reportProgress, serveRequests } from "../../images/watched-thread.ts";
import type { ImageReply, ImageRequest } from "../../protocol/panel-messages.ts";
import { answerImageRequest } from "./answer-image-request.ts";
import { ImageStore } from "./image-store.ts";

const store = new ImageStore(reportProgress);

/** The buffers of a reply, which are handed over and not copied. */
function buffersOf(reply: ImageReply): ArrayBuffer[] {
  if (reply.type === "plane") return [reply.plane.values];
  return reply.type === "similar" ? [reply.similarity.values] : [];
}

serveRequests<ImageRequest, ImageReply>((request, progress) => answerImageRequest(store, request, progress), {
  transferred: buffersOf,
});
