/** Images in HDF5 files, read and written part by part. */
import { open, rm } from "node:fs/promises";
import * as h5wasm from "h5wasm/node";
import { moveIntoPlace } from "../facts/files/move-into-place.ts";
import {
  type Image,
  ImageError,
  type ImageShape,
  type ImageSource,
  type ImageWriter,
  type NewImage,
  type OpenOptions,
  type Region,
  regionOf,
  type SampleArray,
  type SampleType,
  sampleArray,
  shapeOf,
  wholeRegion,
} from "./image.ts";
import {
  type AxesOrder,
  axesOf,
  imageShape,
  inImageOrder,
  inStoredOrder,
  namedAxes,
  pieceOf,
  storedRanges,
  storedShape,
} from "./named-axes.ts";

/** HDF5's letters for types, after the byte order. */
const LETTER: Record<SampleType, string> = {
  uint8: "B",
  uint16: "H",
  uint32: "I",
  int8: "b",
  int16: "h",
  int32: "i",
  float32: "f",
  float64: "d",
};

/** The name under which BiaPy writes its predictions. */
const DATASET = "data";

/** Opens the dataset `inside` a file, or the first one that is an image. Throws {@link ImageError}. */
export async function openHdf5(path: string, { axes: asked, inside }: OpenOptions): Promise<ImageSource> {
  await checkSignature(path);
  await h5wasm.ready;
  const file = new h5wasm.File(path, "r");
  try {
    for (const dataset of inside === undefined ? datasets(file) : [datasetAt(path, file, inside)]) {
      const axes = axesOf(dataset.shape ?? [], namedAxes(dataset.get_dimension_labels()) ?? asked);
      const sampleType = sampleTypeOf(dataset);
      if (axes !== undefined && sampleType !== undefined)
        return new Hdf5Source(path, file, dataset, axes, sampleType);
    }
    const what = asked === undefined ? "two to five axes of numbers" : `the axes ${asked}`;
    throw new ImageError(path, `${path}: holds no dataset with ${what}.`);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A dataset by its place, such as `volumes.raw` or `volumes/raw`. */
function datasetAt(path: string, file: h5wasm.File, inside: string): h5wasm.Dataset {
  const found = file.get(inside.replaceAll(".", "/"));
  if (found instanceof h5wasm.Dataset) return found;
  throw new ImageError(path, `${path}: holds no dataset ${inside}.`);
}

function sampleTypeOf({ dtype }: h5wasm.Dataset): SampleType | undefined {
  return (Object.keys(LETTER) as SampleType[]).find((type) => LETTER[type] === String(dtype).slice(-1));
}

const SIGNATURE = "\x89HDF\r\n\x1a\n";

/** The library prints on its own when it cannot open a file, so files that are none are told apart before. */
async function checkSignature(path: string): Promise<void> {
  try {
    const file = await open(path);
    const { buffer } = await file
      .read(Buffer.alloc(SIGNATURE.length), 0, SIGNATURE.length, 0)
      .finally(() => file.close());
    if (buffer.toString("latin1") === SIGNATURE) return;
  } catch (error) {
    throw new ImageError(path, `${path}: cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  throw new ImageError(path, `${path}: is no HDF5 file.`);
}

function* datasets(group: h5wasm.Group): Generator<h5wasm.Dataset> {
  for (const name of group.keys()) {
    const item = group.get(name);
    if (item instanceof h5wasm.Dataset) yield item;
    else if (item instanceof h5wasm.Group) yield* datasets(item);
  }
}

class Hdf5Source implements ImageSource {
  readonly info: ImageSource["info"];
  readonly piece: ImageSource["piece"];

  constructor(
    path: string,
    private readonly file: h5wasm.File,
    private readonly dataset: h5wasm.Dataset,
    private readonly axes: AxesOrder,
    sampleType: SampleType,
  ) {
    const stored = dataset.shape ?? [];
    this.info = { path, shape: imageShape(path, stored, axes), sampleType };
    const { chunks } = dataset.metadata;
    this.piece = chunks ? pieceOf(chunks, axes) : [1, 1, this.info.shape[2]];
  }

  async read(region: Region = wholeRegion(this.info.shape)): Promise<Image> {
    const { shape, sampleType } = this.info;
    const stored = this.dataset.slice(storedRanges(region, shape[3], this.axes)) as SampleArray;
    const part = shapeOf(region, shape[3]);
    return { shape: part, sampleType, data: inImageOrder(stored, part, this.axes) };
  }

  async close(): Promise<void> {
    this.file.close();
  }
}

/** Starts a file, under a temporary name until it is closed. */
export async function createHdf5(
  path: string,
  { shape, sampleType, chunk, axes }: NewImage,
): Promise<ImageWriter> {
  await h5wasm.ready;
  const temporary = `${path}.${process.pid}.tmp`;
  const file = new h5wasm.File(temporary, "w");
  const stored = storedShape(shape, axes);
  const pieces: ImageShape = [...chunk, shape[3]];
  // The library makes a dataset of its first values only: one pixel, then as large as the image.
  const pixel = storedShape([1, 1, 1, shape[3]], axes);
  const dataset = file.create_dataset({
    name: DATASET,
    data: sampleArray(sampleType, shape[3]),
    shape: pixel,
    maxshape: stored,
    chunks: storedShape(pieces, axes).map((size, axis) => Math.min(size, stored[axis])),
    dtype: `<${LETTER[sampleType]}`,
    compression: 1,
  });
  dataset.resize(stored);
  [...axes].forEach((letter, axis) => {
    dataset.set_dimension_label(axis, letter.toLowerCase());
  });
  return {
    write: async (start, part) => {
      const ranges = storedRanges(regionOf(start, part.shape), shape[3], axes);
      dataset.write_slice(ranges, inStoredOrder(part, axes));
    },
    close: async () => {
      file.close();
      await rm(path, { force: true });
      await moveIntoPlace(temporary, path);
    },
    discard: async () => {
      file.close();
      await rm(temporary, { force: true });
    },
  };
}
