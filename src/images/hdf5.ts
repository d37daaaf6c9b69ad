/** Images in HDF5 files, read and written part by part. */
import { open, rename, rm } from "node:fs/promises";
import * as h5wasm from "h5wasm/node";
import {
  type Image,
  ImageError,
  type ImageShape,
  type ImageSource,
  type ImageWriter,
  type Region,
  SAMPLE_ARRAYS,
  type SampleArray,
  type SampleType,
  sampleArray,
  wholeRegion,
} from "./image.ts";
import { type AxesOrder, axesOf, eachStored, imageShape, storedRanges } from "./named-axes.ts";

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

/** Opens a file's first dataset that is an image. Throws {@link ImageError}. */
export async function openHdf5(path: string, asked?: AxesOrder): Promise<ImageSource> {
  await checkSignature(path);
  await h5wasm.ready;
  const file = new h5wasm.File(path, "r");
  for (const dataset of datasets(file)) {
    const shape = dataset.shape ?? [];
    const axes = axesOf(shape, asked);
    const letter = String(dataset.dtype).slice(-1);
    const sampleType = (Object.keys(LETTER) as SampleType[]).find((type) => LETTER[type] === letter);
    if (axes !== undefined && sampleType !== undefined && sampleType in SAMPLE_ARRAYS) {
      return new Hdf5Source(path, file, dataset, axes, sampleType);
    }
  }
  file.close();
  throw new ImageError(path, `${path}: holds no dataset with two to five axes of numbers.`);
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

  constructor(
    path: string,
    private readonly file: h5wasm.File,
    private readonly dataset: h5wasm.Dataset,
    private readonly axes: AxesOrder,
    sampleType: SampleType,
  ) {
    this.info = { path, shape: imageShape(dataset.shape ?? [], axes), sampleType };
  }

  async read(region: Region = wholeRegion(this.info.shape)): Promise<Image> {
    const { shape, sampleType } = this.info;
    const stored = this.dataset.slice(storedRanges(region, shape[3], this.axes)) as SampleArray;
    const [depth, height, width] = region.end.map((end, axis) => end - region.start[axis]);
    const part: ImageShape = [depth, height, width, shape[3]];
    const data = sampleArray(sampleType, stored.length);
    eachStored(part, this.axes, (to, from) => {
      data[to] = stored[from];
    });
    return { shape: part, sampleType, data };
  }

  async close(): Promise<void> {
    this.file.close();
  }
}

/** Starts a file of an image `[z, y, x, channel]`, under a temporary name until it is closed. */
export async function createHdf5(
  path: string,
  shape: ImageShape,
  sampleType: SampleType,
  chunk: readonly [z: number, y: number, x: number],
): Promise<ImageWriter> {
  await h5wasm.ready;
  const temporary = `${path}.${process.pid}.tmp`;
  const file = new h5wasm.File(temporary, "w");
  const chunks = [...chunk.map((size, axis) => Math.min(size, shape[axis])), shape[3]];
  const first = sampleArray(sampleType, shape[3]);
  const dataset = file.create_dataset({
    name: DATASET,
    data: first,
    shape: [1, 1, 1, shape[3]],
    maxshape: [...shape],
    chunks,
    dtype: `<${LETTER[sampleType]}`,
    compression: 1,
  });
  dataset.resize([...shape]);
  return {
    write: async (start, { shape: size, data }) => {
      const ranges = start.map((from, axis): [number, number] => [from, from + size[axis]]);
      dataset.write_slice([...ranges, [0, size[3]]], data);
    },
    close: async () => {
      file.close();
      await rm(path, { force: true });
      await rename(temporary, path);
    },
  };
}
