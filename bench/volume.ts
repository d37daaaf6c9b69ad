/** Writes a large uint16 volume of bright blobs in noise: volume.ts PATH GIGABYTES. The extension of the path selects the format. */
import { product } from "../src/facts/checked-lists.ts";
import { createHdf5 } from "../src/images/hdf5-writer.ts";
import type { ImageShape } from "../src/images/image.ts";
import { writeTiffStrips } from "../src/images/tiff-writer.ts";
import { createZarr } from "../src/images/zarr-writer.ts";

const [path, gigabytes] = process.argv.slice(2);
const SLAB = 64;
const slabs = Math.max(1, Math.round(16 * Math.min(1, Number(gigabytes))));
const depth = path.includes("plane") ? 1 : SLAB * slabs;
const side = Math.ceil(Math.sqrt((Number(gigabytes) * 1e9) / 2 / depth));
const shape: ImageShape = [depth, side, side, 1];

/** Returns slices of blobs, which repeat through the volume: computing pixels must not take longer than writing them. */
function slab(layers: number, start: number, rows = side) {
  const data = new Uint16Array(layers * rows * side);
  const along = Float32Array.from({ length: side }, (_, x) => Math.sin(x / 9));
  let random = start + 1;
  let at = 0;
  for (let z = 0; z < layers; z++)
    for (let y = 0; y < rows; y++) {
      const row = Math.sin(z / 5) * Math.sin((y + start) / 11);
      for (let x = 0; x < side; x++) {
        random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
        data[at++] = 1000 + 800 * row * along[x] + (random >>> 26);
      }
    }
  return data;
}

if (path.endsWith(".tif")) {
  let held: Uint16Array | undefined;
  await writeTiffStrips(path, {
    shape,
    sampleType: "uint16",
    rows: (z, _, from, to) => {
      if (depth === 1) return slab(1, from, to - from);
      held ??= slab(SLAB, 0);
      const first = (z % SLAB) * side;
      return held.subarray((first + from) * side, (first + to) * side);
    },
  });
} else {
  const image = { shape, sampleType: "uint16", chunk: [SLAB, 128, 128], axes: "TZCYX" } as const;
  const writer = await (path.endsWith(".h5") ? createHdf5(path, image) : createZarr(path, image));
  const data = slab(SLAB, 0);
  for (let z = 0; z < depth; z += SLAB)
    await writer.write([z, 0, 0], { shape: [SLAB, side, side, 1], sampleType: "uint16", data });
  await writer.close();
}
console.log(JSON.stringify({ shape, voxels: product(shape) }));
