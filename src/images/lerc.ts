/** LERC (Limited Error Raster Compression, https://github.com/Esri/lerc). */

import { decode, load } from "lerc";
import { arrayLike } from "../facts/samples.ts";
import type { SampleArray } from "./image.ts";
import { packageFiles } from "./package-files.ts";
import { type Picture, UnreadCompression } from "./picture.ts";

let loaded: Promise<void> | undefined;

/**
 * Decodes LERC. Throws if a mask leaves out pixels that cannot be NaN.
 *
 * @param nan whether floats that the mask leaves out are NaN, as in libtiff
 */
export async function decodeLerc(bytes: Uint8Array, nan: boolean): Promise<Picture> {
  loaded ??= load({ locateFile: () => packageFiles.resolve("lerc/lerc-wasm.wasm") });
  await loaded;
  const { width, height, pixels, depthCount, mask } = decode(new Uint8Array(bytes), {
    returnInterleaved: true,
  });
  const masked = mask?.includes(0);
  const bands = pixels.map((band): SampleArray => {
    if (masked !== true) return band instanceof Uint8ClampedArray ? Uint8Array.from(band) : band;
    if (!nan || !(band instanceof Float32Array || band instanceof Float64Array))
      throw new UnreadCompression("LERC that leaves pixels out (a mask)");
    const values = arrayLike(band, band.length);
    for (let at = 0; at < band.length; at++)
      values[at] = mask?.[Math.floor(at / depthCount)] === 0 ? Number.NaN : (band[at] ?? 0);
    return values;
  });
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
