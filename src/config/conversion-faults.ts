/** Keys on which BiaPy 3.7.1 fails while it converts a configuration of an earlier version. The embedded engine reads them. */
import type { Problem } from "../facts/run-events.ts";
import type { Config } from "./config.ts";
import type { ConfigEntry } from "./document.ts";

/** Returns what BiaPy 3.7.1 refuses although it knows the keys. */
export function conversionFaults(config: Config): Problem[] {
  const { older = [], groups } = config.document;
  const isWritten = (key: string) => older.some((entry) => entry.key === key);
  const faults: Problem[] = [];
  const fault = ({ key, place }: ConfigEntry, message: string) =>
    faults.push({ severity: "error", key, ...place, message: `${key}: ${message}` });
  const [firstOfStats] = older.filter(({ key }) => key.startsWith("TEST.STATS."));
  if (firstOfStats !== undefined && !isWritten("TEST.STATS.FULL_IMG"))
    fault(firstOfStats, "BiaPy 3.7.1 fails on TEST.STATS without FULL_IMG. Remove the section.");
  for (const entry of older) {
    const { key } = entry;
    const name = key.slice(key.lastIndexOf(".") + 1);
    if (/^TEST\.POST_PROCESSING\.Y?Z_FILTERING$/.test(key) && !isWritten(`${key}_SIZE`))
      fault(entry, `BiaPy 3.7.1 fails on it without ${name}_SIZE. Remove it or write MEDIAN_FILTER.`);
    else if (OF_TRAIN.test(key) && !groups.has("DATA.TRAIN"))
      fault(entry, `BiaPy 3.7.1 fails on it without DATA.TRAIN. Write DATA.TRAIN.${name}.`);
    else if (OF_CUSTOM.test(key) && !isWritten("DATA.NORMALIZATION.TYPE"))
      fault(entry, "BiaPy 3.7.1 knows it only with the older DATA.NORMALIZATION.TYPE custom. Remove it.");
    else if (OF_CLIP.test(key) && !isWritten("DATA.NORMALIZATION.PERC_CLIP"))
      fault(entry, "BiaPy 3.7.1 knows it only with the older PERC_CLIP: True. Write it below PERC_CLIP.");
  }
  return [...faults, ...rateWithoutOptimizer(config)];
}

const OF_TRAIN = /^DATA\.(EXTRACT_RANDOM_PATCH|PROBABILITY_MAP|W_FOREGROUND|W_BACKGROUND)$/;
const OF_CUSTOM = /^DATA\.NORMALIZATION\.(CUSTOM_MEAN|CUSTOM_STD|CUSTOM_MODE|APPLICATION_MODE)$/;
const OF_CLIP = /^DATA\.NORMALIZATION\.PERC_(LOWER|UPPER)$/;

/** A single smallest rate is repeated for each optimizer, which must be written. */
function rateWithoutOptimizer(config: Config): Problem[] {
  const key = "TRAIN.LR_SCHEDULER.MIN_LR";
  if (typeof config.value(key) !== "number" || !config.sets(key) || config.sets("TRAIN.OPTIMIZER")) return [];
  const { text } = config.document.entries.find((entry) => entry.key === key) ?? {};
  const message = "BiaPy 3.7.1 fails on a single number without TRAIN.OPTIMIZER. Write a list.";
  return [config.problem(key, message, `[${text ?? String(config.value(key))}]`)];
}
