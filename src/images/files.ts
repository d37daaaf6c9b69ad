/** Opens image files of all formats by their content, not by their name. */
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { FileBytes } from "./file-bytes.ts";
import { type Image, ImageError, type ImageSource, type OpenOptions } from "./image.ts";
import { explained, type Probe, sourceOf } from "./stored-array.ts";

/** @param file the open file, for formats that take it over; undefined for folders */
type Prober = (path: string, options: OpenOptions, file: FileBytes | undefined) => Promise<Probe>;

interface Format {
  readonly name: string;
  readonly extensions: readonly string[];
  /** Whether the reader takes over the open file: a second opening would be a further request to a network drive. */
  readonly takesFile?: boolean;
  /** Loads the reader on first use: most runs need one reader. */
  readonly probe: Prober;
}

const TIFF: Format = {
  name: "TIFF",
  extensions: [".tif", ".tiff", ".btf", ".tf8", ".tf2", ".lsm", ".stk", ".svs"],
  takesFile: true,
  probe: async (path, _, file) => (await import("./tiff.ts")).probeTiff(path, file),
};
const ZARR: Format = {
  name: "Zarr",
  extensions: [".zarr", ".n5", ".zarr.zip", ".ozx"],
  probe: async (path, options) => (await import("./zarr.ts")).probeZarr(path, options),
};
const HDF5: Format = {
  name: "HDF5",
  extensions: [".h5", ".hdf5", ".hdf", ".ims"],
  probe: async (path, options) => (await import("./hdf5-thread.ts")).probeHdf5(path, options),
};
const NPY: Format = {
  name: "NumPy",
  extensions: [".npy"],
  probe: async (path) => (await import("./npy.ts")).probeNpy(path),
};
const NPZ: Format = {
  name: "NumPy archive",
  extensions: [".npz"],
  probe: async (path, options) => (await import("./npy.ts")).probeNpz(path, options),
};
const NIFTI: Format = {
  name: "NIfTI",
  extensions: [".nii", ".nii.gz"],
  probe: async (path) => (await import("./nifti.ts")).probeNifti(path),
};
const PNG: Format = {
  name: "PNG",
  extensions: [".png"],
  probe: async (path) => (await import("./raster.ts")).probePng(path),
};
const JPEG: Format = {
  name: "JPEG",
  extensions: [".jpg", ".jpeg"],
  probe: async (path) => (await import("./raster.ts")).probeJpeg(path),
};
const BMP: Format = {
  name: "BMP",
  extensions: [".bmp"],
  probe: async (path) => (await import("./raster.ts")).probeBmp(path),
};
const FORMATS: readonly Format[] = [TIFF, ZARR, HDF5, NPY, NPZ, NIFTI, PNG, JPEG, BMP];

/** Bytes that files of a format begin with. */
const SIGNATURES: readonly (readonly [start: string, format: Format])[] = [
  ["II*\0", TIFF],
  ["MM\0*", TIFF],
  ["II+\0", TIFF],
  ["MM\0+", TIFF],
  ["\x89HDF", HDF5],
  ["\x93NUMPY", NPY],
  ["\x89PNG", PNG],
  ["\xff\xd8\xff", JPEG],
];

const formatByName = (path: string): Format | undefined => {
  const name = basename(path).toLowerCase();
  return FORMATS.find(({ extensions }) => extensions.some((extension) => name.endsWith(extension)));
};

/** The endings of image files' names, in lower case. */
export const IMAGE_EXTENSIONS: readonly string[] = FORMATS.flatMap(({ extensions }) => extensions);

/** Whether a file or folder of this name is an image that {@link openImage} reads. */
export const isImageName = (name: string): boolean => formatByName(name) !== undefined;

/** Opens an image file; pixels are read when asked for. Throws {@link ImageError}. */
export async function openImage(path: string, options: OpenOptions = {}): Promise<ImageSource> {
  return explained(path, formatByName(path)?.name ?? "an image", async () => {
    const { format, file } = await formatOf(path);
    const probe = await explained(path, format.name, () => format.probe(path, options, file));
    return sourceOf(path, probe, options);
  });
}

const SIGNATURE_BYTES = 8;

/** Returns a file's format by its first bytes, else by its name, and the open file if its reader takes it over. Throws {@link ImageError}. */
async function formatOf(path: string): Promise<{ readonly format: Format; readonly file?: FileBytes }> {
  const named = formatByName(path);
  if ((await stat(path)).isDirectory()) {
    if (named === undefined || named === ZARR || (await isStore(path))) return { format: ZARR };
    throw new ImageError(path, `${path}: is a folder, not an image file.`);
  }
  const file = await FileBytes.open(path);
  let isTaken = false;
  try {
    const start = file.readNow(0, Math.min(SIGNATURE_BYTES, file.size));
    const signed = SIGNATURES.find(([signature]) => start.toString("latin1").startsWith(signature))?.[1];
    const format = signed ?? named;
    isTaken = format?.takesFile === true;
    if (format !== undefined) return isTaken ? { format, file } : { format };
  } finally {
    if (!isTaken) await file.close();
  }
  throw new ImageError(
    path,
    `${path}: is not a kind of image that is read here (${IMAGE_EXTENSIONS.join(", ")}).${conversionOf([path])}`,
  );
}

/** The endings of microscopes' own files, which are not read: those of Zeiss, Nikon, Leica, Olympus, DeltaVision, 3i and 3DHISTECH. */
const MICROSCOPE_FILE = /\.(czi|zvi|nd2|lif|lof|xlef|oib|oif|oir|vsi|dv|r3d|sld|sldy|mrxs)$/i;

/** Returns what to do with microscopes' own files, if any of the names is one: as a sentence after a space, else as nothing. */
function conversionOf(names: readonly string[]): string {
  const found = names.find((name) => MICROSCOPE_FILE.test(name));
  if (found === undefined) return "";
  return ` ${extname(found).toLowerCase()} is a microscope's own format: save it as OME-TIFF, with Fiji (File > Import > Bio-Formats) or with bfconvert.`;
}

/** Files that mark a folder as a Zarr or N5 container. */
const MARKS = ["zarr.json", ".zgroup", ".zarray", ".zattrs", "attributes.json"];

/** Whether a folder is a Zarr or N5 container: one image, not a folder of them. */
export async function isStore(path: string): Promise<boolean> {
  if (formatByName(path) === ZARR) return true;
  const names = await readdir(path).catch((): string[] => []);
  return MARKS.some((mark) => names.includes(mark));
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

/** Returns the image files of a folder in natural order. Throws {@link ImageError} if there are none; the message says what is there. */
export async function listImages(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    const reason =
      error.code === "ENOENT" ? "there is no such folder" : `the folder cannot be read (${error.code})`;
    throw new ImageError(folder, `${folder}: ${reason}.`);
  });
  const visible = entries.filter(({ name }) => !name.startsWith("."));
  const images = visible.map(({ name }) => name).filter(isImageName);
  if (images.length > 0) {
    const { compare } = new Intl.Collator("en", { numeric: true });
    return images.sort(compare).map((name) => join(folder, name));
  }
  throw new ImageError(
    folder,
    `${folder}: there are no images (${IMAGE_EXTENSIONS.join(", ")}) in this folder; ${contentsOf(visible)}.${conversionOf(visible.map(({ name }) => name))}`,
  );
}

/** Describes what a folder without images holds, as a clause. */
function contentsOf(entries: readonly Dirent[]): string {
  if (entries.length === 0) return "it is empty";
  const listed = (what: string, names: readonly string[]) =>
    names.length === 0
      ? []
      : [
          `${names.length} ${what}${names.length === 1 ? "" : "s"} (${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""})`,
        ];
  const namesOf = (folders: boolean) =>
    entries.filter((entry) => entry.isDirectory() === folders).map(({ name }) => name);
  const folders = namesOf(true);
  const held = [...listed("other file", namesOf(false)), ...listed("folder", folders)].join(" and ");
  return `it holds ${held}${folders.length > 0 ? "; folders inside it are not read" : ""}`;
}
