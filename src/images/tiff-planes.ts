/** The planes of a TIFF image: pages, or rows after a page. Shared by all layouts of pages. */
import { product, zip } from "../facts/checked-lists.ts";
import { rowMajor } from "../facts/row-major.ts";
import type { Axes } from "./axes.ts";
import type { PixelSize } from "./image.ts";
import { pixelSize } from "./pixel-size.ts";
import { type Directory, TAG, type TiffFile } from "./tiff-directory.ts";
import { difference, isRaw, type Page, packedBytes, readPage } from "./tiff-page.ts";

/** A plane `[y, x, sample]`: a page, or rows stored after another page's rows. */
export interface Plane {
  readonly page: Page;
  /** Position of its rows, if it has no page of its own. */
  readonly start?: number;
}

/** An image: planes in the order of the axes beyond y and x. */
export interface Series {
  readonly format: string;
  /** Sizes of the axes beyond y and x. */
  readonly shape: readonly number[];
  /** Letters of all axes including y, x and samples; undefined if the file does not name them. */
  readonly axes?: Axes;
  readonly first: Page;
  plane(index: number): Promise<Plane>;
  /** Throws if a plane's page differs from the first. */
  check(): Promise<void>;
  readonly pixelSize?: PixelSize;
  /** Names of pages that do not belong to the image. */
  readonly others: readonly string[];
  readonly files?: readonly string[];
  close?(): Promise<void>;
}

/** Returns the axis letter of the samples if a pixel has several; else an empty string. */
export const sampleAxis = ({ samples }: Page): string => (samples > 1 ? "S" : "");

/** Returns planes with one page each. */
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

/** Returns planes stored one after the other, described by the first page only; undefined if the file does not hold `count` planes. */
async function contiguousPlanes(
  first: Page,
  count: number,
): Promise<Pick<Series, "plane" | "check"> | undefined> {
  if (!isRaw(first)) return undefined;
  const offsets = await first.directory.numbers(TAG.stripOffsets);
  const bytes = packedBytes(first.type, first.width * first.samples) * first.height;
  const start = offsets[0];
  const end = start === undefined ? Number.NaN : start + count * bytes;
  if (start === undefined || !(end <= first.tiff.bytes.size)) return undefined;
  // What follows a lone plane may be the page's own directory.
  const { offset } = first.directory;
  if (offset >= start && offset < end) return undefined;
  return { plane: async (index) => ({ page: first, start: start + index * bytes }), check: async () => {} };
}

/** Returns the pages of the image itself, without smaller copies and masks. */
export async function primary(tiff: TiffFile, directories: readonly Directory[]): Promise<Directory[]> {
  const found: Directory[] = [];
  for (const directory of directories) {
    const kind = directory.has(TAG.subfileType) ? ((await directory.number(TAG.subfileType)) ?? 0) : 0;
    if ((kind & 0b101) === 0) found.push(directory);
  }
  if (found.length > 0) return found;
  const [first] = directories;
  if (first === undefined) throw tiff.error("is a TIFF without pages.");
  // Raw files of cameras (DNG) begin with a thumbnail, and hold the image in a sub-directory.
  if (first.has(TAG.subDirectories))
    throw tiff.error(
      "has only smaller copies as its pages: its image lies in a sub-directory, which is not read. Save it as a plain TIFF.",
    );
  return [first];
}

/** Returns `count` planes: pages, or rows after the only page. Throws if the file holds fewer. */
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

/** Returns the number of planes for these sizes of the outer axes. */
export const planeCount: (sizes: readonly number[]) => number = product;

/** A value of the tag ResolutionUnit. */
export const CENTIMETER = 3;

/** Returns the pixel size of a plain TIFF with a resolution in centimeters. Inches are ignored: they describe a printer. */
export async function centimeters({ directory }: Page): Promise<PixelSize | undefined> {
  if ((await directory.number(TAG.resolutionUnit)) !== CENTIMETER) return undefined;
  const size = async (tag: number) => {
    const found = await directory.number(tag);
    return found === undefined ? undefined : 1e4 / found;
  };
  return pixelSize({ y: await size(TAG.yResolution), x: await size(TAG.xResolution) }, "µm");
}

/** Returns the index of a plane from its position along each outer axis. */
export function planeIndex(place: readonly number[], shape: readonly number[]): number {
  return zip(place, rowMajor(shape)).reduce((sum, [index, stride]) => sum + index * stride, 0);
}
