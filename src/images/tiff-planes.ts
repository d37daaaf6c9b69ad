/** The planes of a TIFF's image: pages, or rows behind a page. What every layout of pages shares. */
import { zip } from "../facts/checked-lists.ts";
import { type Axes, rowMajor } from "./axes.ts";
import type { PixelSize } from "./image.ts";
import { pixelSize } from "./pixel-size.ts";
import { type Directory, TAG, type TiffFile } from "./tiff-directory.ts";
import { difference, isRaw, type Page, packedBytes, readPage } from "./tiff-page.ts";

/** A plane `[y, x, sample]`: a page, or rows that lie behind another page's. */
export interface Plane {
  readonly page: Page;
  /** Where its rows start, when no page of its own describes it. */
  readonly start?: number;
}

/** An image: planes in the order of the axes beyond y and x. */
export interface Series {
  readonly format: string;
  /** Sizes of the axes beyond y and x. */
  readonly shape: readonly number[];
  /** Letters of all axes, y and x and samples included; undefined where the file does not tell. */
  readonly axes?: Axes;
  readonly first: Page;
  plane(index: number): Promise<Plane>;
  /** Throws where a plane's page is not like the first. */
  check(): Promise<void>;
  readonly pixelSize?: PixelSize;
  /** Pages that are no planes of the image. */
  readonly others: readonly string[];
  readonly files?: readonly string[];
  close?(): Promise<void>;
}

/** The letter of the samples of a pixel, where it has several. */
export const sampleAxis = ({ samples }: Page): string => (samples > 1 ? "S" : "");

/** Planes that have a page each. */
export function pagedPlanes(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
): Pick<Series, "plane" | "check"> {
  const pages = new Map<number, Page>();
  const plane = async (index: number): Promise<Plane> => {
    const directory = directories[index];
    if (directory === undefined)
      throw tiff.error(`holds ${directories.length} pages, and its image has more planes: it is damaged.`);
    const page = pages.get(index) ?? (await readPage(tiff, directory));
    pages.set(index, page);
    const fault = difference(page, index + 1, first);
    if (fault !== undefined) throw tiff.error(fault);
    return { page };
  };
  return {
    plane,
    check: async () => {
      for (let index = 0; index < directories.length; index++) await plane(index);
    },
  };
}

/** Planes that lie one behind the other, described by the first page alone; undefined where the file does not hold so many. */
async function contiguousPlanes(
  first: Page,
  count: number,
): Promise<Pick<Series, "plane" | "check"> | undefined> {
  if (!isRaw(first)) return undefined;
  const offsets = await first.directory.numbers(TAG.stripOffsets);
  const bytes = packedBytes(first.type, first.width * first.samples) * first.height;
  const start = offsets[0];
  if (start === undefined || start + count * bytes > first.tiff.bytes.size) return undefined;
  return { plane: async (index) => ({ page: first, start: start + index * bytes }), check: async () => {} };
}

/** Pages of the image itself: neither smaller copies nor masks. */
export async function primary(tiff: TiffFile, directories: readonly Directory[]): Promise<Directory[]> {
  const found: Directory[] = [];
  for (const [index, directory] of directories.entries()) {
    const kind = directory.has(TAG.subfileType) ? ((await directory.number(TAG.subfileType)) ?? 0) : 0;
    if (index === 0 || (kind & 0b101) === 0) found.push(directory);
  }
  if (found.length === 0) throw tiff.error("is a TIFF without pages.");
  return found;
}

/** The planes of `count` pages, or what lies behind the first one. Throws where the file holds fewer. */
export async function planesOf(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
  count: number,
  source: string,
): Promise<Pick<Series, "plane" | "check">> {
  if (directories.length >= count) return pagedPlanes(tiff, directories.slice(0, count), first);
  const contiguous = directories.length === 1 ? await contiguousPlanes(first, count) : undefined;
  if (contiguous !== undefined) return contiguous;
  throw tiff.error(
    `${source} promises ${count} planes, and the file holds ${directories.length}: it is cut short, or its header is wrong. Save it again.`,
  );
}

/** How many planes axes of these sizes have. */
export const planeCount = (sizes: readonly number[]) => sizes.reduce((product, size) => product * size, 1);

const CENTIMETER = 3;

/** The resolution that a plain TIFF has in centimeters; inches are a printer's. */
export async function centimeters({ directory }: Page): Promise<PixelSize | undefined> {
  if ((await directory.number(TAG.resolutionUnit)) !== CENTIMETER) return undefined;
  const size = async (tag: number) => {
    const found = await directory.number(tag);
    return found === undefined ? undefined : 1e4 / found;
  };
  return pixelSize({ y: await size(TAG.yResolution), x: await size(TAG.xResolution) }, "µm");
}

/** The index of a plane by its place along each axis. */
export function planeIndex(place: readonly number[], shape: readonly number[]): number {
  return zip(place, rowMajor(shape)).reduce((sum, [index, stride]) => sum + index * stride, 0);
}
