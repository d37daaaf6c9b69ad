/** DATA.RESOLUTION_NORM: how much images are enlarged in training, by `resolution.json` beside their folder. */

import { basename, dirname, join, normalize } from "node:path";
import * as v from "valibot";
import type { Config } from "../config/config.ts";
import { lastOf } from "../facts/checked-lists.ts";
import { DamagedFileError, readJson } from "../facts/files/regular-file.ts";
import type { ReportEvent } from "../facts/run-events.ts";
import type { ImageInfo } from "../images/image.ts";
import { InputError } from "./input-error.ts";

const FILE = "resolution.json";
const MOST_BYTES = 2 ** 24;
/** Pixel sizes `[z, y, x]` by names of image files. As in BiaPy, y is as large as x. */
const resolutions = v.record(v.string(), v.pipe(v.array(v.pipe(v.number(), v.gtValue(0))), v.minLength(1)));

/** How much larger an image's pixels become along y and x; 1 for images whose pixel size is not known. */
export type Magnification = (info: ImageInfo) => number;

/** Reads the magnification of a phase's images; undefined if it is off. Throws {@link InputError} for a file that cannot be used. */
export async function magnification(
  config: Config,
  phase: "TRAIN" | "VAL",
  infos: readonly ImageInfo[],
  report: ReportEvent,
): Promise<Magnification | undefined> {
  if (!config.flag("DATA.RESOLUTION_NORM.ENABLE")) return undefined;
  const own = await knownResolutions(config, phase);
  // Validation images may be described together with the training images.
  const known = own === undefined && phase === "VAL" ? await knownResolutions(config, "TRAIN") : own;
  const target = lastOf(config.numbers("DATA.RESOLUTION_NORM.TARGET_RESOLUTION"));
  const factorOf = ({ path }: ImageInfo) => {
    const pixel = known?.[basename(path)]?.at(-1);
    return pixel === undefined ? 1 : pixel / target;
  };
  const matched = infos.filter(({ path }) => known?.[basename(path)] !== undefined).length;
  const others = matched < infos.length ? "; the others keep their size" : "";
  const message = `DATA.RESOLUTION_NORM: ${FILE} has the pixel size of ${matched} of ${infos.length} images (DATA.${phase}.PATH)${others}.`;
  report({ event: "log", level: matched < infos.length ? "warning" : "info", message });
  return factorOf;
}

async function knownResolutions(
  config: Config,
  phase: "TRAIN" | "VAL",
): Promise<v.InferOutput<typeof resolutions> | undefined> {
  const path = join(dirname(normalize(join(config.text(`DATA.${phase}.PATH`), "."))), FILE);
  try {
    return await readJson(path, resolutions, MOST_BYTES);
  } catch (error) {
    if (!(error instanceof DamagedFileError)) throw error;
    const message = `${path} ${error.message}. It holds pixel sizes (z, y, x) by file name, such as {"cells.tif": [2.0, 0.5, 0.5]}.`;
    throw new InputError([config.problem("DATA.RESOLUTION_NORM.ENABLE", message)]);
  }
}
