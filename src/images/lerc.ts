/** LERC (Limited Error Raster Compression, https://github.com/Esri/lerc). */

import { decode, load } from "lerc";
import { arrayLike } from "../facts/samples.ts";
import type { SampleArray } from "./image.ts";
import { packageFiles } from "./package-files.ts";
import { type Picture, UnreadCompression } from "./picture.ts";

let loaded: Promise<void> | undefined;

/** Decodes LERC. Throws if a mask leaves pixels without a value. */
export async function decodeLerc(bytes: Uint8Array): Promise<Picture> {
  loaded ??= load({ locateFile: () => packageFiles.resolve("lerc/lerc-wasm.wasm") });
  await loaded;
  const { width, height, pixels, depthCount, mask } = decode(new Uint8Array(bytes), {
    returnInterleaved: true,
  });
  if (mask?.includes(0)) throw new UnreadCompression("LERC that leaves pixels out (a mask)");
  const bands = pixels.map(
    (band): SampleArray => (band instanceof Uint8ClampedArray ? Uint8Array.from(band) : band),
  );
  const [first, ...more] = bands;
  if (first === undefined) throw new Error("damaged LERC data");
  if (more.length === 0) return { width, height, samples: depthCount, data: first };
  const samples = bands.length;
  const data = arrayLike(first, first.length * samples);
  bands.forEach((band, sample) => {
    for (let pixel = 0; pixel < band.length; pixel++) data[pixel * samples + sample] = band[pixel] ?? 0;
  });
  return { width, height, samples, data };
}
