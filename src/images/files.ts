import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import { type Image, ImageError, type ImageSource, type OpenOptions } from "./image.ts";
import { openTiff } from "./tiff-reader.ts";

type Opener = (path: string, options: OpenOptions) => Promise<ImageSource>;

// Zarr's and HDF5's readers are loaded when such a file is opened: most runs have none.
const zarr: Opener = async (path, options) => (await import("./zarr.ts")).openZarr(path, options);
const hdf5: Opener = async (path, options) => (await import("./hdf5.ts")).openHdf5(path, options);

const OPENERS: Readonly<Record<string, Opener>> = {
  ".tif": openTiff,
  ".tiff": openTiff,
  ".zarr": zarr,
  ".h5": hdf5,
  ".hdf5": hdf5,
  ".hdf": hdf5,
};

/** Whether a file or folder of this name is an image that {@link openImage} reads. */
export const isImageName = (name: string): boolean => extname(name).toLowerCase() in OPENERS;

/** Opens an image file; pixels are read when asked for. Throws {@link ImageError}. */
export async function openImage(path: string, options: OpenOptions = {}): Promise<ImageSource> {
  const opener = OPENERS[extname(path).toLowerCase()];
  if (opener !== undefined) return opener(path, options);
  throw new ImageError(
    path,
    `${path}: is not a kind of image that is read here (${Object.keys(OPENERS).join(", ")}).`,
  );
}

/** Reads a whole image. Throws {@link ImageError}. */
export async function readImage(path: string, options?: OpenOptions): Promise<Image> {
  const source = await openImage(path, options);
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
  const images = names.filter((name) => !name.startsWith(".") && isImageName(name));
  if (images.length > 0) {
    const { compare } = new Intl.Collator("en", { numeric: true });
    return images.sort(compare).map((name) => join(folder, name));
  }
  const found =
    names.length === 0
      ? "it is empty"
      : `it holds ${names.length} other files, ${names.slice(0, 3).join(", ")}…`;
  throw new ImageError(
    folder,
    `${folder}: there are no images (TIFF, Zarr or HDF5) in this folder; ${found}.`,
  );
}
