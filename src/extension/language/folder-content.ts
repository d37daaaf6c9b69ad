/** Facts about image folders, and their text. Does not load the image readers. */
import { basename } from "node:path";
import { counted } from "../../facts/format.ts";
import type { ImageInfo } from "../../images/image.ts";

/** A folder that holds images. */
export interface ImageFolder {
  /** Absolute. */
  readonly path: string;
  /** Number of images directly in the folder. */
  readonly count: number;
}

/** Facts about some of a folder's images. */
export interface FolderContent extends ImageFolder {
  /** The smallest extent along each axis, and the fewest channels. */
  readonly shape: ImageInfo["shape"];
  /** The largest extent along each axis, and the most channels. */
  readonly largest: ImageInfo["shape"];
  readonly sampleTypes: readonly ImageInfo["sampleType"][];
}

/**
 * Describes a folder's images: `12 images, 256 × 256, 3 channels, uint8`. Images that differ have ranges:
 * `12 images, 64 × 80 to 256 × 256, 1 to 3 channels, uint8 or uint16`.
 */
export function describeContent({ count, shape, largest, sampleTypes }: FolderContent): string {
  const sizes = [shape, largest].map(([z, y, x]) => (largest[0] > 1 ? [z, y, x] : [y, x]).join(" × "));
  const [fewest, most] = [shape[3], largest[3]];
  const channels = fewest === most ? `${most} channels` : `${fewest} to ${most} channels`;
  return [
    counted(count, "image"),
    [...new Set(sizes)].join(" to "),
    ...(most > 1 ? [channels] : []),
    sampleTypes.join(" or "),
  ].join(", ");
}

const MASKS = /mask|label|annotation|(^|[_-])gt($|[_-])|^y$/i;

/** Whether a folder's name suggests masks. */
export const isMaskFolder = (path: string): boolean => MASKS.test(basename(path));
