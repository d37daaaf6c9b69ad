/** Writes an image of noise, of 1 MB, in each format into a folder, and prints what became of it. `full-disk.test.ts` limits the size of files. */
import { join } from "node:path";
import { errorMessage } from "../../src/facts/errors.ts";
import { createHdf5 } from "../../src/images/hdf5-writer.ts";
import type { ImageWriter, NewImage } from "../../src/images/image.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { createZarr } from "../../src/images/zarr-writer.ts";

const [folder = "."] = process.argv.slice(2);
const plane = [1, 512, 512, 1] as const;
const noise = Uint16Array.from({ length: 512 * 512 }, () => 65535 * Math.random());
const shape = [2, 512, 512, 1] as const;
const image: NewImage = { shape, sampleType: "uint16", chunk: [1, 512, 512], axes: "TZCYX" };

async function written(writer: ImageWriter): Promise<void> {
  try {
    for (const z of [0, 1])
      await writer.write([z, 0, 0], { shape: plane, sampleType: "uint16", data: noise });
    await writer.close();
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

const formats: Readonly<Record<string, (path: string) => Promise<void>>> = {
  tif: (path) => writeTiff(path, { shape: plane, sampleType: "uint16", data: noise }),
  zarr: async (path) => written(await createZarr(path, image)),
  h5: async (path) => written(await createHdf5(path, image)),
};
for (const [ending, write] of Object.entries(formats))
  console.log(
    await write(join(folder, `image.${ending}`)).then(
      () => `${ending}: written`,
      (error: unknown) => `${ending}: ${errorMessage(error)}`,
    ),
  );
