import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import { type Image, ImageError, type ImageSource } from "./image.ts";
import { openTiff } from "./tiff-reader.ts";

const OPENERS: Readonly<Record<string, (path: string) => Promise<ImageSource>>> = {
  ".tif": openTiff,
  ".tiff": openTiff,
};

/** Opens an image file; pixels are read when asked for. Throws {@link ImageError}. */
export async function openImage(path: string): Promise<ImageSource> {
  const opener = OPENERS[extname(path).toLowerCase()];
  if (opener !== undefined) return opener(path);
  throw new ImageError(
    path,
    `${path}: is not a kind of image that is read here (${Object.keys(OPENERS).join(", ")}).`,
  );
}

/** Reads a whole image. Throws {@link ImageError}. */
export async function readImage(path: string): Promise<Image> {
  const source = await openImage(path);
  try {
    return await source.read();
  } finally {
    await source.close();
  }
}

/** The image files of a folder in natural order. Throws {@link ImageError} when there are none, saying what is there. */
export async function listImages(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    const reason =
      error.code === "ENOENT" ? "there is no such folder" : `the folder cannot be read (${error.code})`;
    throw new ImageError(folder, `${folder}: ${reason}.`);
  });
  const images = names.filter((name) => !name.startsWith(".") && extname(name).toLowerCase() in OPENERS);
  if (images.length > 0) {
    const { compare } = new Intl.Collator("en", { numeric: true });
    return images.sort(compare).map((name) => join(folder, name));
  }
  const found =
    names.length === 0
      ? "it is empty"
      : `it holds ${names.length} other files, ${names.slice(0, 3).join(", ")}…`;
  throw new ImageError(folder, `${folder}: there are no TIFF images in this folder; ${found}.`);
}
