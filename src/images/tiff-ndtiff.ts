/**
 * Reads NDTiff, which Micro-Manager 2 and Pycro-Manager write: a page an image, in the order of the acquisition. The file NDTiff.index
 * beside it says where each image lies (https://github.com/micro-manager/NDStorage).
 */
import { basename, dirname, join } from "node:path";
import { at, product } from "../facts/checked-lists.ts";
import { errorCode } from "../facts/errors.ts";
import { readSmallFile } from "./file-bytes.ts";
import { asObject, type JsonObject } from "./json.ts";
import type { Directory, TiffFile } from "./tiff-directory.ts";
import { TAG } from "./tiff-directory.ts";
import type { Page } from "./tiff-page.ts";
import { pagedPlanes, primary, type Series, sampleAxis } from "./tiff-planes.ts";

/** Stands behind the header of TIFF. */
const MAGIC = 483_729;
const INDEX = "NDTiff.index";
const MOST_INDEX_BYTES = 2 ** 28;
/** Numbers of an entry behind its texts: the place of the pixels, and what they are. */
const ENTRY_NUMBERS = 8;

interface Entry {
  /** Where the image lies along each axis: a number, or a name, as of a channel. */
  readonly axes: JsonObject;
  readonly file: string;
  /** Where its pixels begin. */
  readonly offset: number;
}

const LETTERS: Readonly<Record<string, string>> = { z: "Z", channel: "C", time: "T" };

export async function ndTiffSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
): Promise<Series | undefined> {
  if (tiff.bytes.size < 12 || (await tiff.numberAt(8)) !== MAGIC) return undefined;
  const pages = await primary(tiff, directories);
  // The resolution tags of a page always say one centimeter a pixel.
  if (pages.length === 1)
    return {
      format: "NDTiff",
      shape: [],
      axes: { order: `YX${sampleAxis(first)}`, reason: "it is a plane" },
      first,
      ...pagedPlanes(tiff, pages, first),
      others: [],
    };
  const entries = await entriesOf(tiff);
  const own = basename(tiff.bytes.path);
  if (entries.length !== pages.length || entries.some(({ file }) => file !== own))
    throw tiff.error(
      `its ${INDEX} names ${entries.length} images in ${new Set(entries.map(({ file }) => file)).size} files, and it holds ${pages.length}: it is cut short, or a part of a set. Save the set as OME-TIFF.`,
    );
  const { names, shape, places } = gridOf(tiff, entries);
  const offsets = await Promise.all(pages.map((page) => page.number(TAG.stripOffsets)));
  const planes = places.map((entry) => at(pages, offsets.indexOf(at(entries, entry).offset)));
  return {
    format: "NDTiff",
    shape,
    axes: {
      order: `${names.map((name) => LETTERS[name]).join("")}YX${sampleAxis(first)}`,
      reason: `its ${INDEX} says so`,
    },
    first,
    ...pagedPlanes(tiff, planes, first),
    others: [],
  };
}

async function entriesOf(tiff: TiffFile): Promise<Entry[]> {
  const bytes = await readSmallFile(join(dirname(tiff.bytes.path), INDEX), MOST_INDEX_BYTES).catch(
    (error: unknown) => {
      if (errorCode(error) !== "ENOENT") throw error;
      throw tiff.error(`is an NDTiff, and its ${INDEX}, which names its axes, is not beside it.`);
    },
  );
  const entries: Entry[] = [];
  try {
    for (let place = 0; place + 4 <= bytes.length; ) {
      const text = () => {
        const start = place + 4;
        place = start + bytes.readUInt32LE(place);
        return bytes.toString("utf8", start, place);
      };
      const axes = text();
      // Zeros end an index that the program did not close.
      if (axes === "") break;
      const file = text();
      entries.push({ axes: asObject(JSON.parse(axes)), file, offset: bytes.readUInt32LE(place) });
      place += 4 * ENTRY_NUMBERS;
    }
  } catch {
    throw tiff.error(`its ${INDEX} is damaged, or cut short.`);
  }
  return entries;
}

interface Grid {
  /** Axes of several entries, the slowest first: time, z, channel. */
  readonly names: readonly string[];
  readonly shape: readonly number[];
  /** The entry of each plane. */
  readonly places: readonly number[];
}

/** Arranges the images along their axes. Throws if they do not fill a grid of time, z and channel. */
function gridOf(tiff: TiffFile, entries: readonly Entry[]): Grid {
  const all = new Map<string, Set<unknown>>();
  for (const { axes } of entries)
    for (const [name, value] of Object.entries(axes)) all.set(name, (all.get(name) ?? new Set()).add(value));
  const several = [...all.keys()].filter((name) => (all.get(name)?.size ?? 0) > 1);
  const strange = several.filter((name) => LETTERS[name] === undefined);
  if (strange.length > 0)
    throw tiff.error(
      `its ${INDEX} names the axes ${strange.join(", ")}, which an image does not have. Save each place as a file of its own.`,
    );
  const names = ["time", "z", "channel"].filter((name) => several.includes(name));
  // Positions may be acquired in any order; channels have names, and keep theirs.
  const values = names.map((name) => {
    const found = [...(all.get(name) ?? [])];
    return found.every((value) => typeof value === "number") ? found.sort((a, b) => a - b) : found;
  });
  const shape = values.map((found) => found.length);
  const places = Array.from({ length: product(shape) }, () => -1);
  entries.forEach(({ axes }, entry) => {
    const plane = names.reduce(
      (index, name, axis) => index * at(shape, axis) + at(values, axis).indexOf(axes[name]),
      0,
    );
    places[plane] = entry;
  });
  if (places.includes(-1) || places.length !== entries.length)
    throw tiff.error(
      `its ${INDEX} names ${entries.length} images, which do not fill ${names.map((name, axis) => `${name} ${shape[axis]}`).join(" x ")}.`,
    );
  return { names, shape, places };
}
