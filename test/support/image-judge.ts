/** Judges image files whose right pixels, or refusals, lie beside them: NAME.npy as `[z, y, x, channel]`, NAME.refused as a pattern. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readNpy } from "../../src/checkpoint/npy.ts";
import { openImage } from "../../src/images/files.ts";
import { type Image, ImageError, type Region } from "../../src/images/image.ts";

/** Subsampled chrominance is not stored: decoders come near what was meant. */
const NEAR = 4;

export interface Judgment {
  readonly read: number;
  readonly refused: number;
  /** What is wrong, by file. */
  readonly faults: readonly string[];
}

/** Reads an image, and a part of it that begins and ends inside of its pieces. */
async function read(path: string): Promise<{ whole: Image; part: Image; region: Region }> {
  const source = await openImage(path);
  try {
    const [depth, height, width] = source.info.shape;
    const start = [Math.floor(depth / 3), Math.floor(height / 3), Math.floor(width / 5)] as const;
    const end = [Math.ceil(depth * 0.9), Math.ceil(height * 0.9), Math.ceil(width * 0.8)] as const;
    const region = { start, end };
    return { whole: await source.read(), part: await source.read(region), region };
  } finally {
    await source.close();
  }
}

/** Returns the place in a part where it differs from the whole image; undefined if it does not. */
function partFault(whole: Image, part: Image, { start }: Region): string | undefined {
  const [, height, width, channels] = whole.shape;
  const [, rows, columns] = part.shape;
  for (let at = 0; at < part.data.length; at++) {
    const pixel = Math.floor(at / channels);
    const z = start[0] + Math.floor(pixel / (rows * columns));
    const y = start[1] + (Math.floor(pixel / columns) % rows);
    const x = start[2] + (pixel % columns);
    const meant = whole.data[((z * height + y) * width + x) * channels + (at % channels)];
    if (!Object.is(part.data[at], meant))
      return `${part.data[at]} instead of ${meant} at ${z}, ${y}, ${x} of a part`;
  }
  return undefined;
}

/** What is wrong with a file's pixels; undefined where they are right. */
async function faultOf(folder: string, name: string): Promise<string | undefined> {
  const right = await readNpy(join(folder, `${name}.npy`));
  const { whole: image, part, region } = await read(join(folder, name));
  if (String(image.shape) !== String(right.shape)) return `${image.shape} instead of ${right.shape}`;
  const most = name.includes(".near.") ? NEAR : 0;
  for (let at = 0; at < image.data.length; at++) {
    const [found, meant] = [image.data[at], Number(right.data[at])];
    if (!(Math.abs(found - meant) <= most)) return `${found} instead of ${meant} at ${at}`;
  }
  return partFault(image, part, region);
}

/** What is wrong with a refusal; undefined where it names the file and says why. */
async function refusalFault(folder: string, name: string): Promise<string | undefined> {
  const words = new RegExp(await readFile(join(folder, `${name}.refused`), "utf8"));
  try {
    await read(join(folder, name));
    return `was read, and should be refused as ${words}`;
  } catch (error) {
    const named = error instanceof ImageError && error.message.includes(name);
    return named && words.test(error.message) ? undefined : `refused as: ${error}, not ${words}`;
  }
}

export async function judgeImages(folder: string): Promise<Judgment> {
  const files = await readdir(folder);
  const names = (suffix: string) =>
    files
      .filter((file) => file.endsWith(suffix))
      .map((file) => file.slice(0, -suffix.length))
      .filter((name) => existsSync(join(folder, name)));
  const faults: string[] = [];
  const note = (name: string, fault: string | undefined) => {
    if (fault !== undefined) faults.push(`${name}: ${fault}`);
  };
  const [right, refused] = [names(".npy"), names(".refused")];
  for (const name of right) note(name, await faultOf(folder, name).catch((error: Error) => error.message));
  for (const name of refused) note(name, await refusalFault(folder, name));
  return { read: right.length, refused: refused.length, faults };
}
