/** Finds image folders and facts about their images, for completion and New Configuration. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { at } from "../../facts/checked-lists.ts";
import { isImageName, listImages, openImage } from "../../images/files.ts";
import { ImageError, type ImageInfo } from "../../images/image.ts";
import type { FolderContent, ImageFolder } from "./folder-content.ts";

/** Folders searched at most, so that a search ends in a home folder or on a network drive. */
const MOST_SEARCHED = 2000;
/** Images of a folder that are opened at most, evenly spaced: 12 tell whether a folder is mixed. */
const MOST_READ = 12;
/** Folders of packages and of programs' private files. */
const NOT_SEARCHED = /^(\.|node_modules$|__pycache__$|site-packages$)/;
/** Subfolders of a job's results (BiaPy's result tree): its images are outputs. */
const OF_RESULTS = ["config_files", "results"];

/** The folders at or below `base` that hold images, breadth first; those nearest to `base` come first. */
export async function imageFolders(base: string): Promise<ImageFolder[]> {
  const found: ImageFolder[] = [];
  const waiting = [base];
  for (let searched = 0; searched < MOST_SEARCHED; searched++) {
    const path = waiting.shift();
    if (path === undefined) break;
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    const count = entries.filter(({ name }) => !name.startsWith(".") && isImageName(name)).length;
    if (count > 0) found.push({ path, count });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    if (OF_RESULTS.every((name) => folders.includes(name))) continue;
    waiting.push(
      ...folders
        .filter((name) => !NOT_SEARCHED.test(name) && !isImageName(name))
        .sort()
        .map((name) => join(path, name)),
    );
  }
  return found;
}

/** Returns facts about some images of a folder; undefined if none can be read. */
export async function folderContent(path: string): Promise<FolderContent | undefined> {
  const images = await readOrSkip(() => listImages(path));
  if (images === undefined) return undefined;
  const every = Math.max(1, Math.ceil(images.length / MOST_READ));
  const some = images.filter((_, index) => index % every === 0);
  const read = await Promise.all(some.map((image) => readOrSkip(() => infoOf(image))));
  const infos = read.filter((info) => info !== undefined);
  if (infos.length === 0) return undefined;
  const shapes = infos.map(({ shape }) => shape);
  const along = (axis: number) => shapes.map((shape) => at(shape, axis));
  const extreme = (of: (...values: number[]) => number) =>
    [of(...along(0)), of(...along(1)), of(...along(2)), of(...along(3))] as const;
  return {
    path,
    count: images.length,
    shape: extreme(Math.min),
    largest: extreme(Math.max),
    sampleTypes: [...new Set(infos.map(({ sampleType }) => sampleType))],
  };
}

async function infoOf(path: string): Promise<ImageInfo> {
  const source = await openImage(path);
  await source.close();
  return source.info;
}

/** Returns undefined where a file cannot be read as an image. */
async function readOrSkip<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}
