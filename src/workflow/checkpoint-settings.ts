/** MODEL.ITEMS_TO_LOAD_FROM_CHECKPOINT: what a loaded checkpoint says about the normalization of images and about the network. */

import { loadBiapyCheckpoint, type PlainObject } from "../checkpoint/biapy-checkpoint.ts";
import { CheckpointError } from "../checkpoint/checkpoint-error.ts";
import type { PlainValue } from "../checkpoint/python-values.ts";
import { Config } from "../config/config.ts";
import type { ConfigEntry } from "../config/document.ts";
import { faultOf } from "../config/key-faults.ts";
import { keyFacts } from "../config/keys.ts";
import { LOADED_ITEMS, takesNetwork } from "../config/loaded-network.ts";
import { modernized } from "../config/older-keys.ts";
import { isPythonValue, written } from "../config/python-value.ts";
import { readsSetting } from "../facts/architectures.ts";
import { firstOf } from "../facts/format.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import type { ReportEvent } from "../facts/run-events.ts";
import { ownCheckpoint } from "./starting-weights.ts";

const NORMALIZATION = "DATA.NORMALIZATION.";
const MOST_LISTED = 8;

/**
 * Returns a configuration with what BiaPy takes from the checkpoint that it loads: the normalization (`norm`) and, where nothing is trained,
 * the network (`model_arch`). Reports the keys that change. A checkpoint that cannot be read is reported when its weights are loaded.
 */
export async function withCheckpointSettings(
  config: Config,
  tree: ResultTree,
  report: ReportEvent,
): Promise<Config> {
  if (!config.flag("MODEL.LOAD_CHECKPOINT") || config.text("MODEL.SOURCE") !== "biapy") return config;
  const stored = await storedConfig(config, tree);
  if (stored === undefined) return config;
  const items = config.texts(LOADED_ITEMS);
  const architecture = stored.text("MODEL.ARCHITECTURE").toLowerCase();
  const isTaken = ({ key }: ConfigEntry) => {
    if (key.startsWith(NORMALIZATION)) return items.includes("norm");
    const [group, name = ""] = key.split(".");
    return (
      takesNetwork(config) &&
      group === "MODEL" &&
      (name === "ARCHITECTURE" || readsSetting(architecture, name))
    );
  };
  const changed = config.differing(stored.document.entries.filter(isTaken));
  if (changed.length === 0) return config;
  const listed = changed.map(({ key, value }) => `${key} ${written(value)}`);
  const message = `From the checkpoint (${LOADED_ITEMS}): ${firstOf(listed, MOST_LISTED)}.`;
  report({ event: "log", level: "info", message });
  return config.withEntries(changed);
}

/** Returns the configuration that a checkpoint was trained with, under current keys; undefined if it has none. */
async function storedConfig(config: Config, tree: ResultTree): Promise<Config | undefined> {
  const named = config.text("PATHS.CHECKPOINT_FILE");
  const path = named === "" ? await ownCheckpoint(config, tree) : named;
  const stored = await configOf(path);
  if (stored === undefined) return undefined;
  const read = { file: path, entries: [...entriesOf(stored, path)], groups: new Map<string, never>() };
  const { document } = modernized(read);
  const entries = document.entries.filter((entry) => keyFacts.has(entry.key) && faultOf(entry) === undefined);
  return new Config({ ...document, entries });
}

async function configOf(path: string): Promise<PlainObject | undefined> {
  try {
    const checkpoint = await loadBiapyCheckpoint(path);
    await checkpoint.close();
    return checkpoint.config;
  } catch (error) {
    if (error instanceof CheckpointError) return undefined;
    throw error;
  }
}

const isDict = (value: PlainValue): value is PlainObject =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** Nesting of BiaPy's keys. */
const DEEPEST = 8;

/** Yields the values of nested dicts by dotted key. */
function* entriesOf(group: PlainObject, file: string, prefix = "", depth = 0): Generator<ConfigEntry> {
  for (const [name, value] of Object.entries(group)) {
    const key = prefix + name;
    if (isDict(value) && !keyFacts.has(key)) {
      if (depth < DEEPEST) yield* entriesOf(value, file, `${key}.`, depth + 1);
    } else if (isPythonValue(value)) yield { key, value, place: { file, line: 1, column: 1 } };
  }
}
