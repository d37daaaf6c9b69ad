/** Writes an image as a NumPy file, `[z, y, x, channel]`, slice by slice. */
import type { FileHandle } from "node:fs/promises";
import { npyHeader } from "../facts/files/npy-header.ts";
import { explainingErrors, writeThroughTemporary } from "../facts/files/write-file.ts";
import type { ImageSource, SampleType } from "./image.ts";

/** NumPy's names of the pixel types, little-endian. */
const DESCRIPTORS: Readonly<Record<SampleType, string>> = {
  uint8: "|u1",
  uint16: "<u2",
  uint32: "<u4",
  int8: "|i1",
  int16: "<i2",
  int32: "<i4",
  float32: "<f4",
  float64: "<f8",
};

/** Writes all pixels of an image to a temporary file, then renames it to `path`. */
export async function saveNpy(path: string, source: ImageSource): Promise<void> {
  const { shape, sampleType } = source.info;
  const [depth, height, width] = shape;
  const write = async (file: FileHandle) => {
    await file.appendFile(npyHeader(DESCRIPTORS[sampleType], shape));
    const step = source.piece[0];
    for (let z = 0; z < depth; z += step) {
      const end = Math.min(z + step, depth);
      const { data } = await source.read({ start: [z, 0, 0], end: [end, height, width] });
      await file.appendFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  };
  await explainingErrors(path, () => writeThroughTemporary(path, write));
}
