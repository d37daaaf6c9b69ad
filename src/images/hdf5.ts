/** Images in HDF5 files, read region by region: BiaPy's, ilastik's, Fiji's, BigDataViewer's and Imaris's layouts. */
import { basename } from "node:path/posix";
import * as h5wasm from "h5wasm/node";
import { asArray, asObject, asText } from "../facts/json.ts";
import { type Axes, namedAxes } from "./axes.ts";
import { FileBytes } from "./file-bytes.ts";
import {
  attribute,
  checkDataset,
  checkSources,
  chunksOf,
  compressionOf,
  explained,
  readDataset,
  textOf,
} from "./hdf5-dataset.ts";
import { imarisImage } from "./hdf5-imaris.ts";
import { unusualLayout } from "./hdf5-layout.ts";
import { loadHdf5 } from "./hdf5-library.ts";
import { searchImage } from "./hdf5-search.ts";
import { ImageError, type OpenOptions, type PixelSize } from "./image.ts";
import { pixelSize } from "./pixel-size.ts";
import { readAs } from "./samples.ts";
import type { Probe } from "./stored-array.ts";

/** Opens the dataset `inside` a file, or the one that is most like an image. Throws {@link ImageError}. */
export async function probeHdf5(path: string, { inside }: OpenOptions): Promise<Probe> {
  const base = await startOf(path);
  await loadHdf5();
  const file = explained(path, () => new h5wasm.File(path, "r"));
  try {
    return explained(path, () => {
      const imaris = inside === undefined ? imarisImage(path, file) : undefined;
      return imaris ?? datasetProbe(path, base, file, inside);
    });
  } catch (error) {
    file.close();
    throw error;
  }
}

function datasetProbe(path: string, base: number, file: h5wasm.File, inside: string | undefined): Probe {
  const { found, others } =
    inside === undefined ? searchImage(path, file) : { found: datasetAt(path, file, inside), others: [] };
  const type = checkDataset(path, found);
  checkSources(path, file, found);
  const layout = unusualLayout(path, base, found);
  if (layout !== undefined)
    throw new ImageError(
      path,
      `${path}: ${found.path} holds ${layout}, which are not read. Save it with whole bytes.`,
    );
  const unsigned = type === "int16" && isBigDataViewersUint16(file, found);
  return {
    format: "HDF5",
    axes: axesOf(found) ?? bigDataViewerAxes(found),
    storedType: type,
    compression: compressionOf(found),
    dataset: found.path,
    others,
    pixelSize: elementSize(found),
    array: {
      shape: found.shape ?? [],
      sampleType: unsigned ? "uint16" : readAs(type),
      chunks: chunksOf(found),
      read: async (ranges) => {
        const values = readDataset(path, found, type, ranges);
        const { buffer, byteOffset, length } = values.data;
        return unsigned
          ? { ...values, data: new Uint16Array(buffer as ArrayBuffer, byteOffset, length) }
          : values;
      },
      close: async () => {
        file.close();
      },
    },
  };
}

/** Returns a dataset by its place, such as `volumes.raw` or `volumes/raw`. */
function datasetAt(path: string, file: h5wasm.File, inside: string): h5wasm.Dataset {
  for (const place of [inside, inside.replaceAll(".", "/")]) {
    const found = place === "" ? undefined : file.get(place);
    if (found instanceof h5wasm.Dataset) return found;
  }
  throw new ImageError(path, `${path}: holds no dataset ${inside}.`);
}

/** Returns the axes by ilastik's `axistags`, an attribute `axes` or `axisorder`, the labels of the dimensions, or their scales (NetCDF). */
function axesOf(dataset: h5wasm.Dataset): Axes | undefined {
  const tags = textOf(dataset, "axistags");
  if (tags !== undefined) {
    const named = namedAxes(axisKeys(tags), "its axistags");
    if (named?.order.length === dataset.shape?.length) return named;
  }
  const text = textOf(dataset, "axes") ?? textOf(dataset, "axisorder");
  const scales = (dataset.shape ?? []).map((_, axis) => basename(dataset.get_attached_scales(axis)[0] ?? ""));
  return (
    (text?.length === dataset.shape?.length
      ? namedAxes([...(text ?? "")], "its attribute axes")
      : undefined) ??
    trueColorAxes(dataset) ??
    namedAxes(dataset.get_dimension_labels(), "its dimension labels") ??
    namedAxes(scales, "its dimension scales")
  );
}

/** Axes of pictures in color (HDF5 Image and Palette Specification 1.2), by where their samples lie. */
const TRUE_COLOR: Readonly<Record<string, string>> = {
  INTERLACE_PIXEL: "YXS",
  INTERLACE_LINE: "YSX",
  INTERLACE_PLANE: "SYX",
};

function trueColorAxes(dataset: h5wasm.Dataset): Axes | undefined {
  if (textOf(dataset, "IMAGE_SUBCLASS") !== "IMAGE_TRUECOLOR" || dataset.shape?.length !== 3)
    return undefined;
  const order = TRUE_COLOR[textOf(dataset, "INTERLACE_MODE") ?? ""];
  return order === undefined ? undefined : { order, reason: "its attribute INTERLACE_MODE says so" };
}

/** Returns the axis names in vigra's JSON; none if it is damaged. */
function axisKeys(tags: string): string[] {
  try {
    return asArray(asObject(JSON.parse(tags)).axes).map((axis) => asText(asObject(axis).key) ?? "");
  } catch {
    return [];
  }
}

/** The place of a volume of BigDataViewer: time point, setup, level. */
const BIG_DATA_VIEWER = /(?:^|\/)t\d+\/(s\d+)\/\d+\/cells$/;

/** Returns the axes of a volume of BigDataViewer; undefined for other datasets. */
function bigDataViewerAxes({ path, shape }: h5wasm.Dataset): Axes | undefined {
  if (!BIG_DATA_VIEWER.test(path) || shape?.length !== 3) return undefined;
  return { order: "ZYX", reason: "BigDataViewer's layout" };
}

/**
 * Whether a dataset of 16-bit integers is BigDataViewer's, which stores unsigned values as signed ones, unless the setup's attribute
 * `dataType` says otherwise (https://github.com/bigdataviewer/bigdataviewer-core/pull/157).
 */
function isBigDataViewersUint16(file: h5wasm.File, { path }: h5wasm.Dataset): boolean {
  const [, setup] = BIG_DATA_VIEWER.exec(path) ?? [];
  if (setup === undefined) return false;
  const group = file.get(setup);
  return !(group instanceof h5wasm.Group) || textOf(group, "dataType") !== "int16";
}

/** Returns the pixel size by Fiji's and ilastik's attribute `element_size_um`, z first. */
function elementSize(dataset: h5wasm.Dataset): PixelSize | undefined {
  const value = attribute(dataset, "element_size_um");
  if (!Array.isArray(value) || value.length < 2) return undefined;
  const [x, y, z] = value.map(Number).reverse();
  return pixelSize({ z, y, x }, "µm");
}

const SIGNATURE = "\x89HDF\r\n\x1a\n";

/** Returns where the file's signature lies: at the start, or behind a block of the user's: at 512, 1024, 2048, … */
async function startOf(path: string): Promise<number> {
  const file = await FileBytes.open(path);
  try {
    for (let at = 0; at + SIGNATURE.length <= file.size; at = at === 0 ? 512 : 2 * at)
      if ((await file.read(at, SIGNATURE.length)).toString("latin1") === SIGNATURE) return at;
  } finally {
    await file.close();
  }
  throw new ImageError(path, `${path}: is no HDF5 file.`);
}
