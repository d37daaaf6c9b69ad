/** DATA.*.SSL_SOURCE_DIR: degraded copies of a folder's images, made once and reused until their settings change. */

import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import * as v from "valibot";
import { ndimOf, type Phase } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import { type CrappifySettings, crappify } from "../../data/crappify.ts";
import { layersOf, stripsOf } from "../../data/layers.ts";
import { Random } from "../../data/random.ts";
import { at as itemAt } from "../../facts/checked-lists.ts";
import { copiesBeside } from "../../facts/degraded-copies.ts";
import { createFolder } from "../../facts/files/create-folder.ts";
import { DamagedFileError, readJson } from "../../facts/files/regular-file.ts";
import { writeFileAtomically } from "../../facts/files/write-file.ts";
import type { ReportEvent } from "../../facts/run-events.ts";
import { openImage } from "../../images/files.ts";
import { ImageError, type ImageInfo } from "../../images/image.ts";
import { storedParts } from "../../images/parts.ts";
import { writeTiffStrips } from "../../images/tiff-writer.ts";
import { resultNames } from "../result-names.ts";

/** A record of how a folder's copies were made. It lies beside the folder, because BiaPy expects only images in it. */
const copyRecord = v.object({
  settings: v.object({
    resizingFactor: v.number(),
    noise: v.number(),
    ndim: v.picklist([2, 3]),
    seed: v.number(),
  }),
  /** Size and modification time of each source file whose copy is made, by name; empty while it is being made. */
  sources: v.record(v.string(), v.string()),
});
type CopyRecord = v.InferOutput<typeof copyRecord>;
/** Largest record, in bytes: some hundred thousand images. */
const LARGEST = 64 << 20;

const recordPath = (folder: string) => `${folder}.crappify.json`;

/** Returns the record of a folder's copies; undefined if there is none. Throws {@link ImageError} for a damaged one. */
async function readRecord(folder: string): Promise<CopyRecord | undefined> {
  const path = recordPath(folder);
  return readJson(path, copyRecord, LARGEST).catch((error) => {
    if (!(error instanceof DamagedFileError)) throw error;
    throw new ImageError(
      path,
      `${path} ${error.message}. Delete it and ${folder}: the copies are created again.`,
    );
  });
}

const writeRecord = (folder: string, record: CopyRecord) =>
  writeFileAtomically(recordPath(folder), JSON.stringify(record, null, 2));

/** Returns the folder of a phase's copies. Defaults to one beside the images. */
function sourceDirectory(config: Config, phase: Phase): string {
  const key = `DATA.${phase}.SSL_SOURCE_DIR` as const;
  if (config.sets(key)) return config.text(key);
  return copiesBeside(config.text(`DATA.${phase}.PATH`));
}

function settingsOf(config: Config): CopyRecord["settings"] {
  return {
    resizingFactor: config.number("PROBLEM.SELF_SUPERVISED.RESIZING_FACTOR"),
    noise: config.number("PROBLEM.SELF_SUPERVISED.NOISE"),
    ndim: ndimOf(config),
    seed: config.number("SYSTEM.SEED"),
  };
}

/** Returns the copies' paths, with the names of the images' results. */
const copyPaths = (folder: string, infos: readonly ImageInfo[]): string[] =>
  resultNames(infos.map(({ path }) => path)).map((name) => join(folder, `${name}.tif`));

/**
 * Returns the properties of a copy from elsewhere: made by BiaPy, or a degraded image that the user acquired. Throws {@link ImageError} if
 * its shape is not that of the image.
 */
async function foreignCopy(path: string, { shape }: ImageInfo): Promise<ImageInfo> {
  const source = await openImage(path);
  await source.close();
  if (String(source.info.shape) === String(shape)) return source.info;
  const [found, wanted] = [source.info.shape, shape].map((each) => each.join(" x "));
  throw new ImageError(path, `${path}: is ${found}, but the image that it is a copy of is ${wanted}.`);
}

/** An image with the place of its copy. */
interface CopiedImage {
  readonly info: ImageInfo;
  /** The image's number in its folder, which its noise depends on. */
  readonly index: number;
  /** The image's file name. */
  readonly name: string;
  /** The path of its copy. */
  readonly copy: string;
  /** Size and modification time of its file. */
  readonly source: string;
}

/**
 * Makes copies that are missing or outdated (other settings or source files), and returns all of them. Files
 * from elsewhere are used unchanged.
 *
 * @returns the copies' properties, in the order of `infos`. Throws {@link ImageError}, and the signal's reason when aborted.
 */
export async function crappifiedImages(
  config: Config,
  phase: Phase,
  infos: readonly ImageInfo[],
  report: ReportEvent,
  signal?: AbortSignal,
): Promise<ImageInfo[]> {
  const folder = resolve(sourceDirectory(config, phase));
  const settings = settingsOf(config);
  const record = await readRecord(folder);
  const isCurrent = JSON.stringify(record?.settings) === JSON.stringify(settings);
  const all = await withCopies(folder, infos);
  const foreign = all.filter(({ name, copy }) => existsSync(copy) && record?.sources[name] === undefined);
  const missing = all.filter(
    (each) =>
      !foreign.includes(each) &&
      (!isCurrent || record?.sources[each.name] !== each.source || !existsSync(each.copy)),
  );
  if (foreign.length > 0) {
    const message = `${foreign.length} images in ${folder} are used unchanged, whatever created them. Delete them to create new ones with the settings of this configuration.`;
    report({ event: "log", level: "warning", message });
  }
  if (missing.length > 0) {
    // While it is made, a copy counts as outdated.
    const outdated = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, ""]));
    const known = record?.sources ?? {};
    const begun = {
      ...(isCurrent ? known : outdated(Object.keys(known))),
      ...outdated(missing.map(({ name }) => name)),
    };
    await createFolder(folder);
    await writeRecord(folder, { settings, sources: begun });
    await writeCopies(folder, missing, settings, report, signal);
    const made = Object.fromEntries(missing.map(({ name, source }) => [name, source]));
    await writeRecord(folder, { settings, sources: { ...begun, ...made } });
  }
  return Promise.all(
    all.map(async (each) =>
      foreign.includes(each) ? foreignCopy(each.copy, each.info) : { ...each.info, path: each.copy },
    ),
  );
}

async function withCopies(folder: string, infos: readonly ImageInfo[]): Promise<CopiedImage[]> {
  const copies = copyPaths(folder, infos);
  return Promise.all(
    infos.map(async (info, index) => {
      const { size, mtimeMs } = await stat(info.path);
      const name = basename(info.path);
      return { info, index, name, copy: itemAt(copies, index), source: `${size} ${mtimeMs}` };
    }),
  );
}

/** Copies that are made at a time: one is computed while the other is synced to the disk. */
const TOGETHER = 2;

/** Makes copies. Throws the signal's reason when aborted. */
async function writeCopies(
  folder: string,
  missing: readonly CopiedImage[],
  settings: CopyRecord["settings"],
  report: ReportEvent,
  signal: AbortSignal | undefined,
): Promise<void> {
  const log = (level: "info" | "warning", message: string) => report({ event: "log", level, message });
  log("info", `Creating degraded copies of ${missing.length} images in ${folder}.`);
  const left = [...missing];
  let [done, negative] = [0, 0];
  const makeLeft = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const { info, index, copy } = next;
      if (await writeCopy(info, copy, settings, new Random(settings.seed).fork(0x57ab, index))) negative++;
      report({ event: "progress", label: "Making degraded copies", done: ++done, total: missing.length });
      signal?.throwIfAborted();
    }
  };
  const stopAll = (error: unknown) => {
    left.length = 0;
    throw error;
  };
  const made = await Promise.allSettled(Array.from({ length: TOGETHER }, () => makeLeft().catch(stopAll)));
  for (const each of made) if (each.status === "rejected") throw each.reason;
  if (negative > 0)
    log(
      "warning",
      `${negative} of ${missing.length} images have negative pixels, but their degraded copies do not: as in BiaPy, noisy values below 0 become 0.`,
    );
}

/** Number of values scanned per block. */
const PART_VALUES = 2 ** 24;

/** Makes a copy a few slices or rows at a time: an image may be larger than memory. Returns whether it has negative pixels. */
async function writeCopy(
  { path, options }: ImageInfo,
  copy: string,
  settings: CrappifySettings,
  random: Random,
): Promise<boolean> {
  const source = await openImage(path, options);
  try {
    let [brightest, darkest] = [0, 0];
    for (const region of storedParts(source.info.shape, source.piece, PART_VALUES)) {
      const { data } = await source.read(region);
      for (let at = 0; at < data.length; at++) {
        if ((data[at] ?? 0) > brightest) brightest = data[at] ?? 0;
        if ((data[at] ?? 0) < darkest) darkest = data[at] ?? 0;
      }
    }
    await writeTiffStrips(copy, stripsOf(crappify(layersOf(source), brightest, settings, random)));
    return darkest < 0;
  } finally {
    await source.close();
  }
}
