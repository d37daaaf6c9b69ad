/** Which folders New Configuration offers and proposes. Knows nothing of VS Code. */
import { basename, dirname, join, sep } from "node:path";
import { type ImageFolder, isMaskFolder } from "./folder-content.ts";

/** In place of a folder: the images that come with the extension, copied beside the configuration. */
export const SAMPLE_IMAGES = "samples";

/** A folder of the workspace that New Configuration offers. */
export interface OfferedFolder extends ImageFolder {
  /** Its path relative to the workspace. */
  readonly place: string;
}

/** Number of folders that are offered, with their content. */
const MOST_FOLDERS = 30;

/**
 * Returns the folders to offer: the proposed one first, then for images those for training, others and masks, and for masks the masks and
 * others. Among equals, folders nearest to the workspace come first, as they are given.
 */
export function folderOffers(
  folders: readonly OfferedFolder[],
  of: "images" | "masks",
  proposed?: string,
): OfferedFolder[] {
  const rank = ({ path, place }: OfferedFolder): number => {
    if (path === proposed) return -1;
    if (place.split(sep).some(isMaskFolder)) return of === "masks" ? 0 : 3;
    return /train/i.test(place) ? 1 : 2;
  };
  return [...folders].sort((one, other) => rank(one) - rank(other)).slice(0, MOST_FOLDERS);
}

/** The test folder that goes with a training folder: `…/test` beside `…/train`, or the samples with the samples. */
export function testBeside(train: string | undefined, folders: readonly ImageFolder[]): string | undefined {
  if (train === undefined || train === SAMPLE_IMAGES) return train;
  const beside = join(dirname(train), basename(train).replace(/train(ing)?/i, "test"));
  return folders.find(({ path }) => path === beside && path !== train)?.path;
}

/** The folder of masks that goes with a folder of images: `…-masks`, `masks`, `labels`, … beside it, or the samples'. */
export function masksBeside(images: string | undefined, folders: readonly ImageFolder[]): string | undefined {
  if (images === undefined || images === SAMPLE_IMAGES) return images;
  const beside = folders.filter(
    ({ path }) => path !== images && dirname(path) === dirname(images) && isMaskFolder(path),
  );
  const ofName = beside.find(({ path }) => basename(path).startsWith(basename(images)));
  return (ofName ?? beside[0])?.path;
}
