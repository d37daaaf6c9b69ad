/**
 * Checks image files against the expected result beside each: its pixels (NAME.npy, `[z, y, x, channel]`), or a pattern of the message with
 * which it is refused (NAME.refused). NAME.asked has the options with which it is opened, NAME.size its pixel size, if they matter.
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readNpy } from "../../src/checkpoint/npy.ts";
import { openImage } from "../../src/images/files.ts";
import {
  type Image,
  ImageError,
  type OpenOptions,
  type PixelSize,
  type Region,
} from "../../src/images/image.ts";

/** Largest difference in gray levels of files named `.near.`: decoders interpolate subsampled chrominance differently. */
const NEAR = 4;

export interface Judgment {
  readonly read: number;
  readonly refused: number;
  /** What is wrong, by file. */
  readonly faults: readonly string[];
}

interface Found {
  readonly whole: Image;
  readonly part: Image;
  readonly region: Region;
  readonly pixelSize: PixelSize | undefined;
}

/** Returns the JSON beside a file; undefined if there is none. */
async function beside<T>(path: string, suffix: string): Promise<T | undefined> {
  return existsSync(path + suffix) ? JSON.parse(await readFile(path + suffix, "utf8")) : undefined;
}

/** Reads an image, and a part of it that begins and ends inside of its pieces. */
async function read(path: string): Promise<Found> {
  const source = await openImage(path, await beside<OpenOptions>(path, ".asked"));
  try {
    const [depth, height, width] = source.info.shape;
    const start = [Math.floor(depth / 3), Math.floor(height / 3), Math.floor(width / 5)] as const;
    const end = [Math.ceil(depth * 0.9), Math.ceil(height * 0.9), Math.ceil(width * 0.8)] as const;
    const region = { start, end };
    const { pixelSize } = source.info;
    return { whole: await source.read(), part: await source.read(region), region, pixelSize };
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

/** Returns what is wrong with a pixel size; undefined if it is the one that was written. */
function sizeFault(found: PixelSize | undefined, meant: Partial<PixelSize> | null): string | undefined {
  const wrong = `a pixel size of ${JSON.stringify(found)} instead of ${JSON.stringify(meant)}`;
  if (found === undefined || meant === null) return found === undefined && meant === null ? undefined : wrong;
  const isNear = (["z", "y", "x"] as const).every((axis) => {
    const [own, other] = [found[axis], meant[axis]];
    if (own === undefined || other === undefined) return own === other;
    return Math.abs(own - other) <= 1e-6 * other;
  });
  return isNear && found.unit === meant.unit ? undefined : wrong;
}

/** Returns what is wrong with a file's pixels or pixel size; undefined if they are right. */
async function faultOf(folder: string, name: string): Promise<string | undefined> {
  const right = await readNpy(join(folder, `${name}.npy`));
  const path = join(folder, name);
  const { whole: image, part, region, pixelSize } = await read(path);
  if (String(image.shape) !== String(right.shape)) return `${image.shape} instead of ${right.shape}`;
  const most = name.includes(".near.") ? NEAR : 0;
  for (let at = 0; at < image.data.length; at++) {
    const [found, meant] = [image.data[at], Number(right.data[at])];
    const isMeant = Object.is(found, meant) || Math.abs(found - meant) <= most;
    if (!isMeant) return `${found} instead of ${meant} at ${at}`;
  }
  const size = await beside<Partial<PixelSize> | null>(path, ".size");
  return partFault(image, part, region) ?? (size === undefined ? undefined : sizeFault(pixelSize, size));
}

/** Returns what is wrong with a refusal; undefined if it names the file and the reason. */
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

/** Checks all files of a folder that have an expected result. */
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
