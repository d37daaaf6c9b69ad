/** The thread that decodes images: the extension host, which all extensions share, is not held up by it. */
import { parentPort } from "node:worker_threads";
import type { ImageRequest } from "../../protocol/panel-messages.ts";
import { answerImageRequest } from "./answer-image-request.ts";
import { ImageStore } from "./image-store.ts";

const store = new ImageStore();

parentPort?.on("message", async (request: ImageRequest) => {
  const reply = await answerImageRequest(store, request);
  parentPort?.postMessage(reply, reply.type === "plane" ? [reply.plane.values] : []);
});
