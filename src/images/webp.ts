/** Decodes WebP with libwebp, which Python's readers use too. */
import { readFile } from "node:fs/promises";
import makeLibrary from "@jsquash/webp/codec/dec/webp_dec.js";
import { packageFiles } from "./package-files.ts";
import type { Picture } from "./picture.ts";

let library: ReturnType<typeof makeLibrary> | undefined;

const load = async () =>
  makeLibrary({
    noInitialRun: true,
    wasmBinary: await readFile(packageFiles.resolve("@jsquash/webp/codec/dec/webp_dec.wasm")),
  });

/** Decodes WebP to red, green, blue and, where `samples` is 4, opacity. */
export async function decodeWebp(bytes: Uint8Array, samples: 3 | 4): Promise<Picture> {
  library ??= load();
  const decoded = (await library).decode(bytes);
  if (decoded === null) throw new Error("damaged WebP data");
  const { width, height } = decoded;
  const data = new Uint8Array(width * height * samples);
  for (let pixel = 0; pixel < width * height; pixel++)
    for (let sample = 0; sample < samples; sample++)
      data[pixel * samples + sample] = decoded.data[4 * pixel + sample] ?? 0;
  return { width, height, samples, data };
}
