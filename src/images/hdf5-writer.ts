/** Images written as HDF5 files, part by part. */
import { rm } from "node:fs/promises";
import * as h5wasm from "h5wasm/node";
import { errorMessage } from "../facts/errors.ts";
import { moveIntoPlace } from "../facts/files/move-into-place.ts";
import { explainingErrors, ResultError, temporaryName } from "../facts/files/write-file.ts";
import { loadHdf5 } from "./hdf5-library.ts";
import { type ImageWriter, type NewImage, regionOf, type SampleType, sampleArray } from "./image.ts";
import { inMicrometers } from "./pixel-size.ts";
import { inStoredOrder, storedChunk, storedShape, writtenRanges } from "./written-axes.ts";

/** The library's type letters, which follow the byte order. */
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

/** Does what writes `path`. The library's errors are long lists of its functions; one of them quotes the system. */
function explained(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    const [, said] = /error message = '([^']+)'/.exec(errorMessage(error)) ?? [];
    if (said === undefined) throw error;
    throw new ResultError(`${path} could not be written: ${said}.`, { cause: error });
  }
}

/** Creates a file under a temporary name; closing it renames it to `path`. */
export async function createHdf5(path: string, image: NewImage): Promise<ImageWriter> {
  const { shape, sampleType, axes, pixelSize } = image;
  await loadHdf5();
  const temporary = temporaryName(path);
  const file = new h5wasm.File(temporary, "w");
  const stored = storedShape(shape, axes);
  // The library creates a dataset from its first values: one pixel, then resized to the image.
  const pixel = storedShape([1, 1, 1, shape[3]], axes);
  const dataset = file.create_dataset({
    name: DATASET,
    data: sampleArray(sampleType, shape[3]),
    shape: pixel,
    maxshape: stored,
    chunks: storedChunk(image),
    dtype: `<${LETTER[sampleType]}`,
    compression: 1,
  });
  dataset.resize(stored);
  [...axes].forEach((letter, axis) => {
    dataset.set_dimension_label(axis, letter.toLowerCase());
  });
  const micrometers = inMicrometers(pixelSize);
  if (micrometers !== undefined) {
    // The attribute has three numbers; unknown ones are NaN.
    const { z = Number.NaN, y = Number.NaN, x = Number.NaN } = micrometers;
    dataset.create_attribute("element_size_um", [z, y, x], null, "<d");
  }
  return {
    write: async (start, part) => {
      const ranges = writtenRanges(regionOf(start, part.shape), shape[3], axes);
      explained(path, () => dataset.write_slice(ranges, inStoredOrder(part, axes)));
    },
    close: async () => {
      explained(path, () => file.close());
      await explainingErrors(path, async () => {
        await rm(path, { force: true });
        await moveIntoPlace(temporary, path);
      });
    },
    discard: async () => {
      try {
        file.close();
      } catch {
        // What could not be written is not needed.
      }
      await rm(temporary, { force: true });
    },
  };
}
