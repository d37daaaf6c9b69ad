/** Judges image files whose right pixels, or refusals, lie beside them: NAME.npy as `[z, y, x, channel]`, NAME.refused as a pattern. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readNpy } from "../../src/checkpoint/npy.ts";
import { openImage } from "../../src/images/files.ts";
import { type Image, ImageError } from "../../src/images/image.ts";

/** Subsampled chrominance is not stored: decoders come near what was meant. */
const NEAR = 4;

export interface Judgment {
  readonly read: number;
  readonly refused: number;
  /** What is wrong, by file. */
  readonly faults: readonly string[];
}

async function read(path: string): Promise<Image> {
  const source = await openImage(path);
  try {
    return await source.read();
  } finally {
    await source.close();
  }
}

/** What is wrong with a file's pixels; undefined where they are right. */
async function faultOf(folder: string, name: string): Promise<string | undefined> {
  const right = await readNpy(join(folder, `${name}.npy`));
  const image = await read(join(folder, name));
  if (String(image.shape) !== String(right.shape)) return `${image.shape} instead of ${right.shape}`;
  const most = name.includes(".near.") ? NEAR : 0;
  for (let at = 0; at < image.data.length; at++) {
    const [found, meant] = [image.data[at], Number(right.data[at])];
    if (!(Math.abs(found - meant) <= most)) return `${found} instead of ${meant} at ${at}`;
  }
  return undefined;
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
