/** Reads OME-TIFF: the planes of the file's first image, which may be spread over several files. */

import { basename, dirname, join } from "node:path";
import { at, product } from "../facts/checked-lists.ts";
import { errorMessage } from "../facts/errors.ts";
import { FileBytes, readSmallFile } from "./file-bytes.ts";
import { firstLine, ImageError } from "./image.ts";
import { type OmeDocument, type OmeImage, parseOme } from "./ome-xml.ts";
import { type Directory, TiffFile } from "./tiff-directory.ts";
import { difference, type Page, readPage } from "./tiff-page.ts";
import { type Plane, planeIndex, type Series, sampleAxis } from "./tiff-planes.ts";

/** Limit on a separate metadata file (`.companion.ome`). */
const MOST_XML_BYTES = 2 ** 27;
const MOST_PLANES = 10_000_000;
/** Number of files of a set that are kept open. */
const MOST_OPEN = 4;

export async function omeSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
  description: string,
): Promise<Series | undefined> {
  const document = await documentOf(tiff, description);
  if (document === undefined) return undefined;
  const told = ownImage(tiff, document);
  const image = withSamples(told, first);
  const planes = placesOf(tiff, image, directories.length);
  const files = new FileSet(tiff, directories);
  const own = planes.some(({ file }) => file === undefined);
  const start = own || planes[0] === undefined ? first : await files.firstPage(planes[0]);
  const plane = async (index: number): Promise<Plane> => {
    const { file, page: number } = at(planes, index);
    const page = await files.page(file, number);
    const fault = difference(page, number + 1, start);
    if (fault !== undefined) throw tiff.error(file === undefined ? fault : `${file}: ${fault}`);
    return { page };
  };
  const named = new Set(planes.flatMap(({ file, page }) => (file === undefined ? [page] : [])));
  const unnamed = own ? directories.length - named.size : 0;
  const names = [...new Set(planes.map(({ file }) => file ?? basename(tiff.bytes.path)))];
  return {
    format: "OME-TIFF",
    shape: image.sizes,
    axes: { order: `${image.axes}YX${sampleAxis(start)}`, reason: "its OME-XML says so" },
    first: start,
    plane,
    check: async () => {
      for (let index = 0; index < planes.length; index++) await plane(index);
    },
    pixelSize: image.pixelSize,
    others: [
      ...document.images.flatMap((each, index) =>
        each === told ? [] : [`image ${index + 1} of the file${each.name === "" ? "" : ` (${each.name})`}`],
      ),
      ...(document.images.length > 1 || unnamed < 1
        ? []
        : [`pages that its OME-XML does not name: ${unnamed}`]),
    ],
    files: names.length > 1 ? names.map((name) => join(dirname(tiff.bytes.path), name)) : undefined,
    close: () => files.close(),
  };
}

/** Returns the first image that has planes in this file: a set may hold an image for each position. Throws if no image is found. */
function ownImage(tiff: TiffFile, { images }: OmeDocument): OmeImage {
  const [first, ...more] = images;
  if (first === undefined) throw tiff.error("its OME-XML has no image.");
  const own = basename(tiff.bytes.path);
  const found = images.find(
    ({ planes }) => planes.length === 0 || planes.some(({ file }) => file === undefined || file === own),
  );
  if (found !== undefined || more.length === 0) return found ?? first;
  throw tiff.error(
    `its OME-XML names ${images.length} images, and none of them lies in a file of this name. Give the file its own name again.`,
  );
}

/** Counts the samples of a pixel out of the channels. */
function withSamples(image: OmeImage, { samples }: Page): OmeImage {
  const channelSize = (size: number) => {
    // The metadata may promise samples that lie on pages of their own.
    if (samples === 1) return size;
    if (image.samples !== undefined) return size / image.samples;
    return size % samples === 0 ? size / samples : size;
  };
  return {
    ...image,
    sizes: image.sizes.map((size, axis) => (image.axes[axis] === "C" ? channelSize(size) : size)),
  };
}

/** Returns the OME-XML of a description, or of the file that it names; undefined if the description is no OME-XML. */
async function documentOf(tiff: TiffFile, description: string): Promise<OmeDocument | undefined> {
  const parse = async (text: string) => {
    try {
      return await parseOme(text);
    } catch (error) {
      const reason = errorMessage(error);
      throw tiff.error(`its OME-XML cannot be read (${firstLine(reason)}).`);
    }
  };
  const document = await parse(description);
  const companion = document?.metadataFile;
  if (companion === undefined) return document;
  const path = join(dirname(tiff.bytes.path), besides(tiff, companion));
  const { text, image } = await metadataAt(path).catch((error: unknown) => {
    if (error instanceof ImageError) throw error;
    throw tiff.error(`is part of a set whose metadata lie in ${companion}, which is not beside it.`);
  });
  const found = await parse(text);
  return image && found !== undefined
    ? { images: found.images.map((each) => within(each, companion)) }
    : found;
}

/** Returns the OME-XML of a separate file, which is text, or an OME-TIFF of the same set. */
async function metadataAt(path: string): Promise<{ readonly text: string; readonly image: boolean }> {
  const bytes = await FileBytes.open(path);
  try {
    const mark = (await bytes.read(0, Math.min(2, bytes.size))).toString("latin1");
    const image = mark === "II" || mark === "MM";
    if (!image) return { text: (await readSmallFile(path, MOST_XML_BYTES)).toString("utf8"), image };
    const [first] = await (await TiffFile.open(bytes)).directories();
    return { text: (await first?.descriptionTexts())?.[0] ?? "", image };
  } finally {
    await bytes.close();
  }
}

/** Returns an image of another file's metadata: planes without a file name lie in that file. */
function within(image: OmeImage, file: string): OmeImage {
  const all = { first: [0, 0, 0], page: 0, count: undefined, file };
  const planes = image.planes.map((plane) => ({ ...plane, file: plane.file ?? file }));
  return { ...image, planes: planes.length > 0 ? planes : [all] };
}

interface PlanePlace {
  readonly file: string | undefined;
  readonly page: number;
}

/** Returns the page of every plane. Throws if the metadata omit a plane or contradict the file. */
function placesOf(tiff: TiffFile, image: OmeImage, pages: number): PlanePlace[] {
  const { sizes, axes } = image;
  const count = product(sizes);
  if (
    !sizes.every((size) => Number.isInteger(size) && size > 0) ||
    !/^[ZCT]{3}$/.test(axes) ||
    count > MOST_PLANES
  )
    throw tiff.error("its OME-XML does not say how many slices, channels and time points it has.");
  const own = basename(tiff.bytes.path);
  const places = Array.from({ length: count }, (): PlanePlace | undefined => undefined);
  const told =
    image.planes.length > 0 ? image.planes : [{ first: [0, 0, 0], page: 0, count, file: undefined }];
  for (const { first, page, count: given, file } of told) {
    const name = file === undefined || file === own ? undefined : besides(tiff, file);
    if (first.some((index, axis) => index >= at(sizes, axis)))
      throw tiff.error(`its OME-XML places a plane beyond its ${count}.`);
    const from = planeIndex(first, sizes);
    const some = given ?? Math.min(count - from, name === undefined ? pages : count);
    for (let plane = 0; plane < some; plane++) {
      if (from + plane >= count) throw tiff.error(`its OME-XML places a plane beyond its ${count}.`);
      if (name === undefined && page + plane >= pages)
        throw tiff.error(
          `its OME-XML places ${count} planes, and the file holds ${pages} pages: it is cut short or part of a set.`,
        );
      places[from + plane] = { file: name, page: page + plane };
    }
  }
  const missing = places.indexOf(undefined);
  if (missing >= 0) throw tiff.error(`its OME-XML does not say where plane ${missing + 1} of ${count} lies.`);
  return places.flatMap((place) => place ?? []);
}

/** Returns the name of a file in the same folder. Throws if the name contains a folder. */
function besides(tiff: TiffFile, name: string): string {
  if (name !== "" && basename(name) === name && !/[\\/:]/.test(name) && name !== "..") return name;
  throw tiff.error(`its OME-XML names ${JSON.stringify(name)}, which is not a file beside it.`);
}

interface Member {
  readonly tiff: TiffFile;
  readonly directories: readonly Directory[];
}

/** The files of a set. They are opened on demand, and a few are kept open: only one caller at a time may read. */
class FileSet {
  private readonly members = new Map<string, Promise<Member>>();
  private readonly pages = new Map<string, Promise<Page>>();

  constructor(
    private readonly own: TiffFile,
    private readonly directories: readonly Directory[],
  ) {}

  async page(file: string | undefined, number: number): Promise<Page> {
    const member =
      file === undefined ? { tiff: this.own, directories: this.directories } : await this.member(file);
    const directory = member.directories[number];
    if (directory === undefined)
      throw this.own.error(
        `its OME-XML names page ${number + 1} of ${file}, which has ${member.directories.length}.`,
      );
    const key = `${number} ${file ?? ""}`;
    const page = this.pages.get(key) ?? readPage(member.tiff, directory);
    if (file === undefined) this.pages.set(key, page);
    return page;
  }

  /** Returns a page as {@link page} does. Closes the set if there is none. */
  async firstPage({ file, page }: PlanePlace): Promise<Page> {
    try {
      return await this.page(file, page);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const member of this.members.values())
      await member.then(({ tiff }) => tiff.bytes.close()).catch(() => {});
    this.members.clear();
  }

  private async member(file: string): Promise<Member> {
    const known = this.members.get(file);
    if (known !== undefined) return known;
    for (const [oldest, member] of this.members) {
      if (this.members.size < MOST_OPEN) break;
      this.members.delete(oldest);
      await member.then(({ tiff }) => tiff.bytes.close()).catch(() => {});
    }
    const opened = this.open(file);
    this.members.set(file, opened);
    return opened;
  }

  private async open(file: string): Promise<Member> {
    const path = join(dirname(this.own.bytes.path), file);
    const bytes = await FileBytes.open(path).catch((error: unknown) => {
      if (error instanceof ImageError) throw error;
      throw this.own.error(
        `holds a part of its image only: ${file}, which its OME-XML names, cannot be opened. Keep the files of a set together.`,
      );
    });
    try {
      const tiff = await TiffFile.open(bytes);
      return { tiff, directories: await tiff.directories() };
    } catch (error) {
      await bytes.close();
      throw error;
    }
  }
}
