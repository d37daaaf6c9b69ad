/** Masks: files of class numbers, for training and testing segmentation. */

import { basename } from "node:path";
import type { Config } from "../../config/config.ts";
import { lastOf } from "../../facts/checked-lists.ts";
import { firstOf } from "../../facts/format.ts";
import type { ReportEvent } from "../../facts/run-events.ts";
import type { ImageSource } from "../../images/image.ts";
import { storedParts } from "../../images/parts.ts";
import { IGNORED } from "../../training/segmentation-losses.ts";

/** The classes of masks. */
export interface ClassSettings {
  /** DATA.N_CLASSES, background included. */
  readonly classes: number;
  /** LOSS.IGNORE_INDEX: the value of ignored pixels. */
  readonly ignored?: number;
}

/** Returns a configuration's classes. */
export function classSettings(config: Config): ClassSettings {
  const index = config.number("LOSS.IGNORE_INDEX");
  return { classes: config.number("DATA.N_CLASSES"), ignored: index === -1 ? undefined : index };
}

/** Returns the class of each pixel, or {@link IGNORED}. Of two classes, every value above 0 is the foreground. */
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
/** Up to this value, numbered objects may be meant as classes. */
const MOST_CLASSES = 20;
/**
 * In a mask, neighboring pixels mostly have the same value: of the sample masks' pixels 8 % differ from the one before, of the images' 95
 * %.
 */
const MOST_CHANGING = 0.5;

/** Checks the masks of one folder, one after another. */
export class MaskCheck {
  private readonly found = new Set<number>();
  private count = 0;
  private warned = false;

  constructor(
    private readonly settings: ClassSettings,
    private readonly report: ReportEvent,
  ) {}

  /** Returns a message that continues the file's name if its values are invalid. */
  readonly check = async (source: ImageSource): Promise<string | undefined> => {
    const { path } = source.info;
    const scanned = await scan(source, this.settings);
    const fault = pictureFault(path, scanned, this.settings) ?? faultOf(scanned.values, this.settings);
    if (fault !== undefined) return fault;
    this.count++;
    for (const value of scanned.values) this.found.add(value);
    const counted = scanned.values.filter((value) => value !== this.settings.ignored);
    if (this.settings.classes <= 2 && counted.length > MOST_BINARY_VALUES) this.warnOfObjects(path, counted);
    return undefined;
  };

  private get masks(): string {
    return this.count === 1 ? "the mask has" : `all ${this.count} masks have`;
  }

  /** Returns a message if the checked masks together have two values of which LOSS.IGNORE_INDEX leaves the foreground out. */
  ignoredForeground(): string | undefined {
    const { classes, ignored = 0 } = this.settings;
    if (classes > 2 || ignored <= 0 || !this.found.has(ignored)) return undefined;
    if ([...this.found].some((value) => value !== 0 && value !== ignored)) return undefined;
    return `${this.masks} 0 and ${ignored} only, and LOSS.IGNORE_INDEX leaves ${ignored} out: nothing but background remains. Set LOSS.IGNORE_INDEX to -1.`;
  }

  /** Returns why nothing can be learned from the checked masks together; warns of classes that none of them has. */
  nothingToLearn(): string | undefined {
    const values = [...this.found].sort((one, other) => one - other);
    const classes = new Set(classesOf(Float32Array.from(values), this.settings));
    classes.delete(IGNORED);
    const { masks } = this;
    const [only] = classes;
    if (only === undefined) return `${masks} ignored pixels only (LOSS.IGNORE_INDEX).`;
    if (classes.size === 1) {
      const foreground = this.settings.classes > 2 ? `class ${only}` : "foreground";
      const what = only === 0 ? "background" : foreground;
      const hint = only === 0 ? "" : " Background is 0.";
      return `${masks} nothing but ${what} (${listed(values)}), so there is nothing to tell apart.${hint}`;
    }
    const absent = Array.from({ length: this.settings.classes }, (_, index) => index).filter(
      (index) => !classes.has(index),
    );
    if (absent.length > 0) {
      const message = `No mask to learn from has class ${listed(absent)} (DATA.N_CLASSES is ${this.settings.classes}).`;
      this.report({ event: "log", level: "warning", message });
    }
    return undefined;
  }

  private warnOfObjects(path: string, values: readonly number[]): void {
    if (this.warned) return;
    this.warned = true;
    const most = lastOf(values);
    const classes = most <= MOST_CLASSES ? ` If they are classes, set DATA.N_CLASSES to ${most + 1}.` : "";
    const message = `${basename(path)} numbers single objects (up to ${most}): with DATA.N_CLASSES of 2, every value above 0 is the foreground.${classes} BiaPy itself takes such masks only with DATA.*.CHECK_DATA: False.`;
    this.report({ event: "log", level: "warning", message });
  }
}

/** What a mask's pixels hold. */
interface Scan {
  /** Distinct values, ascending, at most as many as the check needs. */
  readonly values: readonly number[];
  /** Share of pixels whose value differs from the pixel before. */
  readonly changing: number;
}

async function scan(source: ImageSource, { classes }: ClassSettings): Promise<Scan> {
  const found = new Set<number>();
  let [changes, pixels] = [0, 0];
  for (const region of storedParts(source.info.shape, source.piece, PART_VALUES)) {
    const { data } = await source.read(region);
    let last: number | undefined;
    for (const value of data) {
      if (value === last) continue;
      found.add(value);
      changes++;
      last = value;
    }
    pixels += data.length;
    if (found.size > classes + 2 ** 16) break;
  }
  return { values: [...found].sort((a, b) => a - b), changing: changes / pixels };
}

/** Recognizes files that are pictures rather than masks; values of a JPEG are not those that were drawn. */
function pictureFault(
  path: string,
  { values, changing }: Scan,
  { classes }: ClassSettings,
): string | undefined {
  if (values.length <= Math.max(classes, MOST_BINARY_VALUES) || !values.every(Number.isInteger))
    return undefined;
  if (changing > MOST_CHANGING)
    return `holds ${values.length} different values, which change from pixel to pixel. It looks like an image, not like a mask.`;
  if (/\.jpe?g$/i.test(path))
    return `holds ${listed(values)}: JPEG changes the values of a mask. Save masks as TIFF or PNG.`;
  return undefined;
}

/** Returns why values are not those of a mask. */
function faultOf(values: readonly number[], { classes, ignored }: ClassSettings): string | undefined {
  const counted = values.filter((value) => value !== ignored);
  const broken = counted.filter((value) => !Number.isInteger(value) || value < 0);
  if (broken.length > 0)
    return `holds values that are not class numbers: ${listed(broken)}. A mask has whole numbers from 0 on.`;
  if (classes <= 2) return undefined;
  const beyond = counted.filter((value) => value >= classes);
  if (beyond.length === 0) return undefined;
  const range = `DATA.N_CLASSES is ${classes}, so that classes are numbered 0 to ${classes - 1}`;
  const isBinary = String(counted) === "0,255" || String(counted) === "255";
  const hint = isBinary
    ? "A mask of 0 and 255 has two classes: set DATA.N_CLASSES to 2."
    : `Set DATA.N_CLASSES to ${lastOf(counted) + 1}, or LOSS.IGNORE_INDEX to a value that is to be left out.`;
  return `holds ${listed(beyond)}, and ${range}. ${hint}`;
}

const listed = (values: readonly number[]) => firstOf(values, MOST_LISTED);
