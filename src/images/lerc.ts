/** LERC (Limited Error Raster Compression, https://github.com/Esri/lerc). */
import type { SampleArray } from "./image.ts";
import { type Picture, UnreadPicture } from "./picture.ts";

/** Decodes LERC. Throws where pixels are left out: they have no value. */
export async function decodeLerc(bytes: Uint8Array): Promise<Picture> {
  const { default: lerc } = await import("lerc");
  const { width, height, pixels, dimCount, mask } = lerc.decode(new Uint8Array(bytes).buffer, {
    returnPixelInterleavedDims: true,
  });
  if (mask?.includes(0)) throw new UnreadPicture("LERC that leaves pixels out (a mask)");
  const [first, ...more] = pixels;
  if (first === undefined) throw new Error("damaged LERC data");
  if (more.length === 0) return { width, height, samples: dimCount, data: first };
  const samples = pixels.length;
  const data: SampleArray = new (first.constructor as new (length: number) => SampleArray)(
    first.length * samples,
  );
  pixels.forEach((band, sample) => {
    for (let pixel = 0; pixel < band.length; pixel++) data[pixel * samples + sample] = band[pixel];
  });
  return { width, height, samples, data };
}
