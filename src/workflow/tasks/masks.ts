/** Masks: files of class numbers, for training and testing segmentation. */
import { basename } from "node:path";
import type { Config } from "../../config/config.ts";
import type { ImageSource } from "../../images/image.ts";
import { storedParts } from "../../images/parts.ts";
import type { ReportEvent } from "../../results/reporters.ts";
import { IGNORED } from "../../training/segmentation-losses.ts";

export interface ClassSettings {
  /** DATA.N_CLASSES, background included. */
  readonly classes: number;
  /** LOSS.IGNORE_INDEX: the value of ignored pixels. */
  readonly ignored?: number;
}

export function classSettings(config: Config): ClassSettings {
  const index = config.number("LOSS.IGNORE_INDEX");
  return { classes: config.number("DATA.N_CLASSES"), ignored: index === -1 ? undefined : index };
}

/** The class of each pixel, or {@link IGNORED}. Of two classes, every value above 0 is the foreground. */
export function classesOf(values: Float32Array, { classes, ignored }: ClassSettings): Float32Array {
  return values.map((value) => {
    if (value === ignored) return IGNORED;
    return classes > 2 ? value : Number(value > 0);
  });
}

/** Returns a patch of ignored pixels. */
export const ignoredPatch = (pixels: number): Float32Array => new Float32Array(pixels).fill(IGNORED);

/** Number of values of a mask scanned per block. */
const PART_VALUES = 2 ** 24;
/** Two-class masks with a value above this are treated as instance masks: every object is foreground. */
const MOST_BINARY_VALUES = 2;
const MOST_LISTED = 6;

/** Checks a mask's values. Returns a message that continues the file's name if they are invalid. */
export function checkMask(
  settings: ClassSettings,
  report: ReportEvent,
): (source: ImageSource) => Promise<string | undefined> {
  let warned = false;
  return async (source) => {
    const values = await valuesOf(source, settings);
    const fault = faultOf(values, settings);
    if (fault !== undefined || warned) return fault;
    if (
      settings.classes > 2 ||
      values.filter((value) => value !== settings.ignored).length <= MOST_BINARY_VALUES
    )
      return undefined;
    warned = true;
    const message = `${basename(source.info.path)} numbers single objects (up to ${Math.max(...values)}): with DATA.N_CLASSES of 2, every value above 0 is the foreground. BiaPy itself takes such masks only with DATA.*.CHECK_DATA: False.`;
    report({ event: "log", level: "warning", message });
    return undefined;
  };
}

/** Returns the distinct values of a mask, at most as many as the check needs. */
async function valuesOf(source: ImageSource, { classes }: ClassSettings): Promise<number[]> {
  const found = new Set<number>();
  for (const region of storedParts(source.info.shape, source.piece, PART_VALUES)) {
    let last: number | undefined;
    for (const value of (await source.read(region)).data) {
      if (value === last) continue;
      found.add(value);
      last = value;
    }
    if (found.size > classes + 2 ** 16) break;
  }
  return [...found].sort((a, b) => a - b);
}

function faultOf(values: readonly number[], { classes, ignored }: ClassSettings): string | undefined {
  const counted = values.filter((value) => value !== ignored);
  const broken = counted.filter((value) => !Number.isInteger(value) || value < 0);
  if (broken.length > 0)
    return `holds values that are not class numbers: ${listed(broken)}. A mask has whole numbers from 0 on.`;
  if (classes <= 2) {
    if (
      ignored !== undefined &&
      ignored > 0 &&
      values.includes(ignored) &&
      counted.every((value) => value === 0)
    )
      return `holds 0 and ${ignored} only, and LOSS.IGNORE_INDEX leaves ${ignored} out: nothing but background remains. Set LOSS.IGNORE_INDEX to -1.`;
    return undefined;
  }
  const beyond = counted.filter((value) => value >= classes);
  if (beyond.length === 0) return undefined;
  const range = `DATA.N_CLASSES is ${classes}, so that classes are numbered 0 to ${classes - 1}`;
  const isBinary = String(counted) === "0,255" || String(counted) === "255";
  const hint = isBinary
    ? "A mask of 0 and 255 has two classes: set DATA.N_CLASSES to 2."
    : `Set DATA.N_CLASSES to ${Math.max(...counted) + 1}, or LOSS.IGNORE_INDEX to a value that is to be left out.`;
  return `holds ${listed(beyond)}, and ${range}. ${hint}`;
}

function listed(values: readonly number[]): string {
  const shown = values.slice(0, MOST_LISTED).join(", ");
  return values.length > MOST_LISTED ? `${shown} and ${values.length - MOST_LISTED} more` : shown;
}
