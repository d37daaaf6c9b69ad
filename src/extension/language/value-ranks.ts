/** Ranks the values of a key: those that the selected engine trains first. Completion says what the others need. */
import type { Config } from "../../config/config.ts";
import { checkForEngine, type EngineName } from "../../config/engine-checks.ts";
import type { Key } from "../../config/key-names.ts";
import { keyFacts } from "../../config/keys.ts";
import { decoded, type PythonValue } from "../../config/python-value.ts";
import { isEmbedded } from "../../facts/architectures.ts";
import { LOSSES } from "../../facts/losses.ts";

/** How a value is listed. */
export interface ValueRank {
  /** Values of a lower rank come first. */
  readonly rank: 0 | 1 | 2;
  /** What the value needs, for the list: `needs BiaPy`. */
  readonly note?: string;
  /** The whole reason, for the value's documentation. */
  readonly reason?: string;
}

const TRAINED: ValueRank = { rank: 0 };
const NEEDS_BIAPY = "needs BiaPy";

const isKey = (name: string): name is Key => keyFacts.has(name);

/**
 * Ranks the values that completion offers for a key by checking the configuration with each of them.
 *
 * @param folder the folder against which relative paths are resolved
 */
export function rankValues(
  engine: EngineName,
  config: Config,
  folder: string,
  key: string,
  values: readonly string[],
): ReadonlyMap<string, ValueRank> {
  if (!isKey(key)) return new Map();
  return new Map(values.map((value) => [value, rankOf(engine, config, folder, key, value)]));
}

function rankOf(engine: EngineName, config: Config, folder: string, key: Key, value: string): ValueRank {
  // `null` stands for an empty value.
  if (value === "null" || value === '""') return { rank: 1 };
  if (engine === "embedded" && !hasEmbedded(key, value)) return { rank: 2, note: NEEDS_BIAPY };
  const problems = checkForEngine(engine, config.with(key, asValue(value)), folder, false);
  const refused = problems.find((problem) => problem.key === key && problem.severity === "error");
  if (refused === undefined) return TRAINED;
  const reason = refused.message;
  if (refused.ofEmbeddedEngine === true) return { rank: 2, note: NEEDS_BIAPY, reason };
  return { rank: 1, note: "not with this configuration", reason };
}

/** Returns the value of an offered text: `[MSE]` is a list of a name, which Python would quote. */
function asValue(text: string): PythonValue {
  const name = /^\[(\w+)\]$/.exec(text)?.[1];
  return name === undefined ? decoded(text) : [name];
}

/** Whether the embedded engine has an architecture or a loss in any workflow. */
function hasEmbedded(key: Key, value: string): boolean {
  if (key === "MODEL.ARCHITECTURE") return isEmbedded(value.toLowerCase());
  if (key === "LOSS.TYPE") return LOSSES[value.replace(/[[\]]/g, "")]?.refused === undefined;
  return true;
}
