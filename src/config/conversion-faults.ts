/** Keys on which BiaPy 3.7.1 fails while it converts a configuration of an earlier version. The embedded engine reads them. */
import type { Problem } from "../facts/run-events.ts";
import type { Config } from "./config.ts";
import type { ConfigEntry } from "./document.ts";
import { written } from "./python-value.ts";

/** Returns what BiaPy 3.7.1 refuses although it knows the keys. */
export function conversionFaults(config: Config): Problem[] {
  const { older = [] } = config.document;
  const faults = older.flatMap((entry): Problem[] => {
    const { key, place } = entry;
    const message = faultOf(entry, config);
    return message === undefined ? [] : [{ severity: "error", key, ...place, message: `${key}: ${message}` }];
  });
  return [...faults, ...rateWithoutOptimizer(config)];
}

/** Returns why BiaPy 3.7.1 fails on an older entry; undefined if it does not. */
function faultOf(entry: ConfigEntry, config: Config): string | undefined {
  const { key, value } = entry;
  const { older = [], groups } = config.document;
  const isWritten = (name: string) => older.some((each) => each.key === name);
  const name = key.slice(key.lastIndexOf(".") + 1);
  const [, filter] = OF_FILTER_SIZE.exec(key) ?? [];
  if (key.startsWith("TEST.STATS.")) {
    const isFirst = older.find((each) => each.key.startsWith("TEST.STATS.")) === entry;
    return isFirst && !isWritten("TEST.STATS.FULL_IMG")
      ? "BiaPy 3.7.1 fails on TEST.STATS without FULL_IMG. Remove the section."
      : undefined;
  }
  if (OF_FILTER.test(key) && !isWritten(`${key}_SIZE`))
    return `BiaPy 3.7.1 fails on it without ${name}_SIZE. Remove it or write MEDIAN_FILTER.`;
  if (filter !== undefined && !isWritten(filter))
    return `BiaPy 3.7.1 knows it only with ${name.replace(/_SIZE$/, "")}. Write MEDIAN_FILTER_SIZE.`;
  if (OF_REMOVAL.test(key) && !isWritten("TEST.POST_PROCESSING.REMOVE_BY_PROPERTIES"))
    return "BiaPy 3.7.1 knows it only with the older REMOVE_BY_PROPERTIES. Write it below MEASURE_PROPERTIES.REMOVE_BY_PROPERTIES.";
  if (OF_CHUNKS.test(key) && !groups.has("DATA.TEST") && !startsWithMoved(config))
    return `BiaPy 3.7.1 fails on it without DATA.TEST. Write DATA.TEST.${name}.`;
  if (key === "LOSS.CLASS_REBALANCE") {
    const section = `PROBLEM.${config.text("PROBLEM.TYPE")}`;
    return /INSTANCE_SEG|DETECTION/.test(section) && !groups.has(section)
      ? `BiaPy 3.7.1 fails on ${written(value)} without ${section}. Write none, and ${section}.CLASS_REBALANCE_WITHIN_CHANNELS: ${written(value)}.`
      : undefined;
  }
  if (key === "DATA.SELF_SUPERVISED.PRETEXT_TASK")
    return "BiaPy 3.7.1 does not know this spelling of its documentation. Write PROBLEM.SELF_SUPERVISED.PRETEXT_TASK.";
  if (key === `${INSTANCES}.DATA_MW_TH_TYPE` && value === "manual" && !groups.has(`${INSTANCES}.WATERSHED`))
    return isWritten(`${INSTANCES}.DATA_CHANNELS`)
      ? undefined
      : "BiaPy 3.7.1 fails on manual without WATERSHED. Remove it and write WATERSHED.";
  if (key === `${INSTANCES}.DISTANCE_CHANNEL_MASK` && value === false)
    return config.sets(`${INSTANCES}.DATA_CHANNELS`)
      ? undefined
      : "BiaPy 3.7.1 fails on False without DATA_CHANNELS. Remove it.";
  if (OF_TRAIN.test(key) && !groups.has("DATA.TRAIN"))
    return `BiaPy 3.7.1 fails on it without DATA.TRAIN. Write DATA.TRAIN.${name}.`;
  if (OF_CUSTOM.test(key) && !isWritten("DATA.NORMALIZATION.TYPE"))
    return "BiaPy 3.7.1 knows it only with the older DATA.NORMALIZATION.TYPE custom. Remove it.";
  if (OF_CLIP.test(key) && !isWritten("DATA.NORMALIZATION.PERC_CLIP"))
    return "BiaPy 3.7.1 knows it only with the older PERC_CLIP: True. Write it below PERC_CLIP.";
  return undefined;
}

const INSTANCES = "PROBLEM.INSTANCE_SEG";
const OF_FILTER = /^TEST\.POST_PROCESSING\.Y?Z_FILTERING$/;
const OF_FILTER_SIZE = /^(TEST\.POST_PROCESSING\.Y?Z_FILTERING)_SIZE$/;
const OF_REMOVAL = /^TEST\.POST_PROCESSING\.REMOVE_BY_PROPERTIES_(VALUES|SIGN)$/;
/** Keys that BiaPy moves from TEST.BY_CHUNKS to DATA.TEST. */
const OF_CHUNKS = /^TEST\.BY_CHUNKS\.INPUT_/;

/** Whether the first key of TEST.BY_CHUNKS is a moved one: BiaPy then adds a missing DATA.TEST. */
function startsWithMoved({ document }: Config): boolean {
  const { entries, groups, older = [] } = document;
  const [first] = [...entries, ...older, ...[...groups].map(([key, place]) => ({ key, place }))]
    .filter(({ key }) => key.startsWith("TEST.BY_CHUNKS."))
    .sort((one, other) => one.place.line - other.place.line || one.place.column - other.place.column);
  return first !== undefined && OF_CHUNKS.test(first.key);
}

const OF_TRAIN = /^DATA\.(EXTRACT_RANDOM_PATCH|PROBABILITY_MAP|W_FOREGROUND|W_BACKGROUND)$/;
const OF_CUSTOM = /^DATA\.NORMALIZATION\.(CUSTOM_MEAN|CUSTOM_STD|CUSTOM_MODE|APPLICATION_MODE)$/;
const OF_CLIP = /^DATA\.NORMALIZATION\.PERC_(LOWER|UPPER)$/;

/** Checks that TRAIN.OPTIMIZER is written if MIN_LR is a single number, which BiaPy repeats for each optimizer. */
function rateWithoutOptimizer(config: Config): Problem[] {
  const key = "TRAIN.LR_SCHEDULER.MIN_LR";
  if (typeof config.value(key) !== "number" || !config.sets(key) || config.sets("TRAIN.OPTIMIZER")) return [];
  const { text } = config.document.entries.find((entry) => entry.key === key) ?? {};
  const message = "BiaPy 3.7.1 fails on a single number without TRAIN.OPTIMIZER. Write a list.";
  return [config.problem(key, message, `[${text ?? String(config.value(key))}]`)];
}
