// Bundled as dist/image-check-worker.mjs: a separate thread. It opens each image in another one, which is ended if the file blocks it.

import { readdir, stat } from "node:fs/promises";
import { parentPort } from "node:worker_threads";
import { loadConfig } from "../../config/config.ts";
import { errorMessage } from "../../facts/errors.ts";
import { counted } from "../../facts/format.ts";
import { describeInspection, imageFacts } from "../../images/describe.ts";
import { isStore, listImages } from "../../images/files.ts";
import { ImageError } from "../../images/image.ts";
import { describeApart, inspectApart } from "../../images/inspection-thread.ts";
import type { ImageCheckReply, ImageCheckRequest } from "./image-checker.ts";
import { checkImages } from "./image-checks.ts";
import { folderContent, imageFolders } from "./image-folders.ts";

/** Images of a folder that a report names. */
const MOST_REPORTED = 50;
/** Time limit for scanning the pixels of one image. */
const PIXEL_MILLISECONDS = 2000;

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path)).isDirectory() && !(await isStore(path));
}

/** Describes an image, or what is wrong with it. */
async function reportOn(path: string): Promise<string> {
  try {
    return describeInspection(await inspectApart(path, undefined, PIXEL_MILLISECONDS));
  } catch (error) {
    if (error instanceof ImageError) return error.message;
    throw error;
  }
}

async function report(paths: readonly string[]): Promise<string> {
  const parts: string[] = [];
  for (const path of paths) {
    const images = (await isFolder(path)) ? await listImages(path) : [path];
    for (const image of images.slice(0, MOST_REPORTED)) {
      parts.push(await reportOn(image));
      progress();
    }
    const more = images.length - MOST_REPORTED;
    if (more > 0) parts.push(`${path}: ${counted(more, "more image")}; biapy --inspect prints all.`);
  }
  return `${parts.join("\n\n")}\n`;
}

/** Describes the first image of a folder and the number of images, for a hover. */
async function summary(folder: string): Promise<string> {
  try {
    const images = await listImages(folder);
    const [first = folder] = images;
    const { info, description } = await describeApart(first);
    const facts = imageFacts(info, description).map(([name, fact]) => `- ${name}: \`${fact}\``);
    const others = (await readdir(folder)).length - images.length;
    const beside = others > 0 ? `, ${counted(others, "other file")}` : "";
    return [`${counted(images.length, "image")}${beside}. The first, \`${first}\`:`, "", ...facts].join("\n");
  } catch (error) {
    if (error instanceof ImageError) return error.message;
    throw error;
  }
}

/** Reports that an image or a folder was read, which restarts the time limit. */
const progress = () => parentPort?.postMessage({ id: 0, kind: "progress" } satisfies ImageCheckReply);

async function answer(id: number, request: ImageCheckRequest): Promise<ImageCheckReply> {
  const { kind } = request;
  if (kind === "check") {
    const { config } = loadConfig(request.path, request.text);
    return { id, kind, value: await checkImages(config, request.folder, request.network, progress) };
  }
  if (kind === "content") return { id, kind, value: await folderContent(request.folder) };
  if (kind === "folders") return { id, kind, value: await imageFolders(request.folder, progress) };
  if (kind === "summary") return { id, kind, value: await summary(request.folder) };
  return { id, kind, value: await report(request.paths) };
}

parentPort?.on("message", async ({ id, request }: { id: number; request: ImageCheckRequest }) => {
  try {
    parentPort?.postMessage(await answer(id, request));
  } catch (error) {
    const message = errorMessage(error);
    parentPort?.postMessage({ id, kind: "failed", error: message } satisfies ImageCheckReply);
  }
});
