/** Checks that a resumed run would train the same network on the same data. */

import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { Config } from "../config/config.ts";
import type { Key } from "../config/key-names.ts";
import { keyFacts } from "../config/keys.ts";
import { isPythonValue, type PythonValue, written } from "../config/python-value.ts";
import { isObject } from "../facts/json.ts";
import type { Problem } from "../facts/run-events.ts";
import type { ImageInfo } from "../images/image.ts";
import type { CheckpointHeader, ImageFingerprints } from "./run-checkpoint.ts";

/** Keys that decide the network, the loss by which checkpoints are compared, or the training patches. */
const DECIDING: readonly RegExp[] = [
  /^PROBLEM\./,
  /^MODEL\.(?!BMZ\.|LOAD_CHECKPOINT|ITEMS_TO_LOAD|OUT_CHECKPOINT|SAVE_CKPT|SKIP_UNMATCHED|VIT_PRETRAINED|STUNET\.PRETRAINED)/,
  /^DATA\.(PATCH_SIZE|N_CLASSES|REFLECT_TO_COMPLETE_SHAPE|FORCE_RGB|NORMALIZATION\..*)$/,
  /^DATA\.(TRAIN|VAL)\.(INPUT_.*|EXTRACT_RANDOM_PATCH|REPLICATE|OVERLAP|PADDING|FROM_TRAIN|SPLIT_TRAIN|RANDOM)$/,
  /^LOSS\./,
  /^TRAIN\.OPTIMIZER$/,
  /^SYSTEM\.SEED$/,
];

const PHASES = ["TRAIN", "VAL"] as const;

/**
 * Returns a fingerprint of images: their file names, shapes and pixel types. Folders may be moved before a resume.
 *
 * @returns `12 images 0123456789abcdef`
 */
export function imagesFingerprint(images: readonly ImageInfo[]): string {
  const facts = images.map(({ path, shape, sampleType }) => [basename(path), shape, sampleType]);
  const hash = createHash("sha256").update(JSON.stringify(facts)).digest("hex");
  return `${images.length} images ${hash.slice(0, 16)}`;
}

/** Reports keys with which a configuration would train another network than the checkpoint's. */
export function otherSettings({ path, config: trained }: CheckpointHeader, config: Config): Problem[] {
  const deciding = [...keyFacts.keys()].filter((key): key is Key =>
    DECIDING.some((pattern) => pattern.test(key)),
  );
  return deciding.flatMap((key) => {
    const [before, now] = [valueIn(trained, key), config.value(key)];
    if (before === undefined || isSame(before, now)) return [];
    return [config.problem(key, refusal(`was ${shown(before)} and is ${written(now)} now`, path))];
  });
}

/** Compares along `now`: a value of a hostile checkpoint may repeat itself beyond measure. */
function isSame(before: unknown, now: PythonValue): boolean {
  if (typeof now !== "object" || now === null) return before === now;
  if (typeof before !== "object" || before === null || Array.isArray(before) !== Array.isArray(now))
    return false;
  const [known, items] = [new Map(Object.entries(before)), Object.entries(now)];
  return known.size === items.length && items.every(([name, item]) => isSame(known.get(name), item));
}

/** Returns a checkpoint's value as text if it is a short one. */
function shown(before: unknown): string {
  const items = [before].flat();
  const isShort = items.length < 20 && items.every((item) => typeof item !== "object");
  return isShort && isPythonValue(before) ? written(before) : "another value";
}

/** Reports images other than those that a checkpoint was trained on. */
export function otherImages(
  { path, identity }: CheckpointHeader,
  config: Config,
  images: ImageFingerprints,
): Problem[] {
  return PHASES.flatMap((phase) => {
    const [before, now] = [identity.images[phase], images[phase]];
    if (before === undefined || now === undefined || before === now) return [];
    const [counted, counts] = [before, now].map((fingerprint) => fingerprint.replace(/ \w+$/, ""));
    const change = counted === counts ? "other images than before" : `${counts} instead of ${counted}`;
    return [config.problem(`DATA.${phase}.PATH`, refusal(`holds ${change}`, path))];
  });
}

function refusal(change: string, path: string): string {
  return `${change}, so this is not the training of ${path}. Undo the change to resume, or train under another --run_id.`;
}

/** Returns a value of a configuration that is kept as nested objects. */
function valueIn(config: CheckpointHeader["config"], key: string): unknown {
  let value: unknown = config;
  for (const part of key.split(".")) {
    if (!isObject(value) || !Object.hasOwn(value, part)) return undefined;
    value = value[part];
  }
  return value;
}
