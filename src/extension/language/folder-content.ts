/** Facts about image folders, and their text. Does not load the image readers. */
import { basename } from "node:path";
import type { ImageInfo } from "../../images/image.ts";

export interface ImageFolder {
  /** Absolute. */
  readonly path: string;
  /** Number of images directly in the folder. */
  readonly count: number;
}

/** Facts about a folder's first image. */
export interface FolderContent extends ImageFolder {
  readonly shape: ImageInfo["shape"];
  readonly sampleType: ImageInfo["sampleType"];
}

/** Describes a folder's images: `12 images, 256 x 256, 3 channels, uint8`. */
export function describeContent({ count, shape: [z, y, x, channels], sampleType }: FolderContent): string {
  const images = count === 1 ? "1 image" : `${count} images`;
  const size = (z > 1 ? [z, y, x] : [y, x]).join(" × ");
  return [images, size, ...(channels > 1 ? [`${channels} channels`] : []), sampleType].join(", ");
}

const MASKS = /mask|label|annotation|(^|[_-])gt($|[_-])|^y$/i;

/** Whether a folder's name suggests masks. */
export const isMaskFolder = (path: string): boolean => MASKS.test(basename(path));
