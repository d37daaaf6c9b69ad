/** DATA.*.SSL_SOURCE_DIR: the worse copies of a folder's images, made once and used as long as their settings hold. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { ndimOf } from "../config/checks.ts";
import type { Config } from "../config/config.ts";
import { type CrappifySettings, crappify } from "../data/crappify.ts";
import { Random } from "../data/random.ts";
import { readImage } from "../images/files.ts";
import type { ImageInfo } from "../images/image.ts";
import { writeTiff } from "../images/tiff-writer.ts";
import type { ReportEvent } from "../results/reporters.ts";
import { writeFileAtomically } from "../results/write-file.ts";
import type { Phase } from "./settings.ts";

/** Says how a folder's copies were made. */
const RECORD = "crappify.json";

interface Copies {
  readonly settings: CrappifySettings & { readonly seed: number };
  /** Size and time of change of each source file, by name. */
  readonly sources: Readonly<Record<string, string>>;
}

/** Where the copies of a phase's images go: beside them, unless the configuration says where. */
export function sourceDirectory(config: Config, phase: Phase): string {
  const key = `DATA.${phase}.SSL_SOURCE_DIR`;
  if (config.sets(key)) return config.text(key);
  return `${config.text(`DATA.${phase}.PATH`).replace(/[\\/]+$/, "")}_ssl_source`;
}

async function wanted(config: Config, infos: readonly ImageInfo[]): Promise<Copies> {
  const sources = await Promise.all(
    infos.map(async ({ path }) => {
      const { size, mtimeMs } = await stat(path);
      return [basename(path), `${size} ${mtimeMs}`] as const;
    }),
  );
  return {
    settings: {
      resizingFactor: config.number("PROBLEM.SELF_SUPERVISED.RESIZING_FACTOR"),
      noise: config.number("PROBLEM.SELF_SUPERVISED.NOISE"),
      ndim: ndimOf(config),
      seed: config.number("SYSTEM.SEED"),
    },
    sources: Object.fromEntries(sources),
  };
}

const copyName = (path: string) => `${basename(path, extname(path))}.tif`;

/**
 * Makes the copies that are missing or were made with other settings or of other files, and says where all of them are.
 *
 * @returns what the copies hold, in the order of `infos`
 */
export async function crappifiedImages(
  config: Config,
  phase: Phase,
  infos: readonly ImageInfo[],
  report: ReportEvent,
): Promise<ImageInfo[]> {
  const folder = resolve(sourceDirectory(config, phase));
  const record = join(folder, RECORD);
  const want = await wanted(config, infos);
  const made = existsSync(record) ? (JSON.parse(await readFile(record, "utf8")) as Copies) : undefined;
  const same = JSON.stringify(made?.settings) === JSON.stringify(want.settings);
  const pathOf = ({ path }: ImageInfo) => join(folder, copyName(path));
  const missing = infos
    .map((info, index) => ({ info, index }))
    .filter(({ info }) => {
      const name = basename(info.path);
      return !same || made?.sources[name] !== want.sources[name] || !existsSync(pathOf(info));
    });
  if (missing.length > 0) {
    const message = `Making worse copies of ${missing.length} images in ${folder}.`;
    report({ event: "log", level: "info", message });
    await mkdir(folder, { recursive: true });
    // Until all copies are made, nothing is said of how they were.
    await rm(record, { force: true });
  }
  for (const [done, { info, index }] of missing.entries()) {
    const random = new Random(want.settings.seed).fork(0x57ab, index);
    await writeTiff(pathOf(info), crappify(await readImage(info.path, info.options), want.settings, random));
    report({ event: "progress", label: "Making worse copies", done: done + 1, total: missing.length });
  }
  if (missing.length > 0) await writeFileAtomically(record, JSON.stringify(want, null, 2));
  return infos.map((info) => ({ ...info, path: pathOf(info) }));
}
