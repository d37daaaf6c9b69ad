/** Reads TIFFs of Micro-Manager whose pages lie in the order of the acquisition: NDTiff, and stacks without the headers of ImageJ and OME. */
import { basename, dirname, join } from "node:path";
import { at } from "../facts/checked-lists.ts";
import { errorCode } from "../facts/errors.ts";
import { asObject, type JsonObject } from "../facts/json.ts";
import { readSmallFile } from "./file-bytes.ts";
import type { Directory, TiffFile } from "./tiff-directory.ts";
import { TAG } from "./tiff-directory.ts";
import type { Page } from "./tiff-page.ts";
import { pagedPlanes, planeCount, planeIndex, primary, type Series, sampleAxis } from "./tiff-planes.ts";

/** Stands behind the header of TIFF. */
const MAGIC = 483_729;
const INDEX = "NDTiff.index";
const MOST_INDEX_BYTES = 2 ** 28;
/** Numbers of an entry behind its texts: the place of the pixels, and what they are. */
const ENTRY_NUMBERS = 8;

/** Where an image lies along each axis: a number, or a name, as of a channel. */
interface Placed {
  readonly axes: JsonObject;
}

interface Entry extends Placed {
  readonly file: string;
  /** Where its pixels begin. */
  readonly offset: number;
}

const LETTERS: Readonly<Record<string, string>> = { z: "Z", channel: "C", time: "T" };

/** NDTiff, of Micro-Manager 2 and Pycro-Manager: an index beside the file says where each image lies (https://github.com/micro-manager/NDStorage). */
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
  const pageAt = new Map<number | undefined, Directory>();
  for (const page of pages) pageAt.set(await page.number(TAG.stripOffsets), page);
  const found = entries.map(({ offset }) => pageAt.get(offset));
  if (found.includes(undefined)) throw tiff.error(`its ${INDEX} names images where it has none.`);
  return {
    format: "NDTiff",
    first,
    ...placedPlanes(
      tiff,
      first,
      `its ${INDEX}`,
      entries,
      found.flatMap((page) => page ?? []),
    ),
    others: [],
  };
}

/** Names of axes in a page's metadata, and here. */
const INDICES = { FrameIndex: "time", SliceIndex: "z", ChannelIndex: "channel", PositionIndex: "position" };

/** A stack of an acquisition that was broken off: the headers are written at its end, and each page's metadata before. */
export async function microManagerSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
): Promise<Series | undefined> {
  if (!first.directory.has(TAG.microManager)) return undefined;
  const pages = await primary(tiff, directories);
  if (pages.length === 1) return undefined;
  const placed: Placed[] = [];
  for (const page of pages) {
    const metadata = objectOf(await page.text(TAG.microManager));
    if (placed.length === 0 && !Object.keys(INDICES).some((key) => key in metadata)) return undefined;
    const axes = Object.entries(INDICES).map(([key, name]) => [name, metadata[key] ?? 0] as const);
    placed.push({ axes: Object.fromEntries(axes) });
  }
  return {
    format: "Micro-Manager TIFF",
    first,
    ...placedPlanes(tiff, first, "its Micro-Manager header", placed, pages),
    others: [],
  };
}

function objectOf(text: string): JsonObject {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
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

/** Arranges pages along their axes: time, z, channel. Throws if they do not fill a grid of these. */
function placedPlanes(
  tiff: TiffFile,
  first: Page,
  source: string,
  placed: readonly Placed[],
  pages: readonly Directory[],
): Pick<Series, "shape" | "axes" | "plane" | "check"> {
  const all = new Map<string, Set<unknown>>();
  for (const { axes } of placed)
    for (const [name, value] of Object.entries(axes)) all.set(name, (all.get(name) ?? new Set()).add(value));
  const several = [...all.keys()].filter((name) => (all.get(name)?.size ?? 0) > 1);
  const strange = several.filter((name) => LETTERS[name] === undefined);
  if (strange.length > 0)
    throw tiff.error(
      `${source} names the axes ${strange.join(", ")}, which are not axes of an image. Save each position in a separate file.`,
    );
  const names = ["time", "z", "channel"].filter((name) => several.includes(name));
  // Positions may be acquired in any order. Channels with names keep theirs.
  const values = names.map((name) => {
    const found = [...(all.get(name) ?? [])];
    return found.every((value) => typeof value === "number") ? found.sort((a, b) => a - b) : found;
  });
  const shape = values.map((found) => found.length);
  const planes = new Map<number, Directory>();
  placed.forEach(({ axes }, index) => {
    const place = names.map((name, axis) => at(values, axis).indexOf(axes[name]));
    planes.set(planeIndex(place, shape), at(pages, index));
  });
  const count = planeCount(shape);
  if (planes.size !== count || pages.length !== count)
    throw tiff.error(
      `${source} names ${names.map((name, axis) => `${name} ${shape[axis]}`).join(", ") || "no axes"}, which its ${pages.length} pages do not fill.`,
    );
  const ordered = Array.from({ length: count }, (_, plane) => planes.get(plane)).flatMap(
    (page) => page ?? [],
  );
  return {
    shape,
    axes: {
      order: `${names.map((name) => LETTERS[name]).join("")}YX${sampleAxis(first)}`,
      reason: `${source} says so`,
    },
    ...pagedPlanes(tiff, ordered, first),
  };
}
