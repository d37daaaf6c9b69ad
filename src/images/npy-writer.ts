/** An image as a NumPy file, `[z, y, x, channel]`, written slice by slice. */
import { randomBytes } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { moveIntoPlace } from "../facts/files/move-into-place.ts";
import { npyHeader } from "../facts/files/npy-header.ts";
import type { ImageSource, SampleType } from "./image.ts";

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
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  const file = await open(temporary, "wx");
  try {
    await file.appendFile(npyHeader(DESCRIPTORS[sampleType], shape));
    const step = source.piece[0];
    for (let z = 0; z < depth; z += step) {
      const end = Math.min(z + step, depth);
      const { data } = await source.read({ start: [z, 0, 0], end: [end, height, width] });
      await file.appendFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    await file.close();
    await moveIntoPlace(temporary, path);
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
}
