/** Reports keys that BiaPy does not have, with the nearest name. */
import { closest, distance } from "fastest-levenshtein";
import type { Problem } from "../facts/run-events.ts";
import type { Place } from "./document.ts";
import type { Fault } from "./key-faults.ts";

/** A key that BiaPy does not have. */
export interface UnknownKey {
  readonly key: string;
  readonly place: Place;
  /** Names among which the nearest one is searched. */
  readonly names: Iterable<string>;
}

/** Number of unknown keys listed. Further ones are counted: each listed key costs a search for the nearest name. */
const MOST_UNKNOWN = 50;
/** Longest key for which a similar name is searched. */
const LONGEST_KEY = 200;

/** Returns the problems of unknown keys, with the nearest name if one is similar. */
export function unknownProblems(found: readonly UnknownKey[]): Problem[] {
  const problems = found.slice(0, MOST_UNKNOWN).map(({ key, place, names }): Problem => {
    if (key.length <= LONGEST_KEY) return { severity: "error", key, ...place, ...unknown(key, names) };
    return { severity: "error", ...place, message: `BiaPy has no key ${key.slice(0, LONGEST_KEY)}….` };
  });
  const [next] = found.slice(MOST_UNKNOWN);
  if (next === undefined) return problems;
  const message = `${found.length - MOST_UNKNOWN} more keys are not BiaPy's, from this one on.`;
  return [...problems, { severity: "error", ...next.place, message }];
}

/** Names of earlier versions that BiaPy does not convert, as they are today. */
const FORMER: readonly (readonly [former: RegExp, today: string])[] = [
  [/^(DATA\.(?:TRAIN|VAL|TEST)\.)MASK_PATH$/, "$1GT_PATH"],
  [/^(PROBLEM\.INSTANCE_SEG\.)DATA_REMOVE_SMALL_OBJ$/, "$1WATERSHED.DATA_REMOVE_SMALL_OBJ_BEFORE"],
];

function unknown(key: string, names: Iterable<string>): Fault {
  for (const [former, today] of FORMER) {
    if (!former.test(key)) continue;
    const suggestion = key.replace(former, today);
    return { message: `BiaPy 3.7.1 has no key ${key}: it is ${suggestion} today.`, suggestion };
  }
  // Compare names without their sections: KERNEL_INIT is not a misspelled KERNEL_SIZE.
  const nameOf = (each: string) => each.slice(each.lastIndexOf(".") + 1);
  const all = [...names];
  // A key in a wrong section keeps its name: DATA.BATCH_SIZE is TRAIN.BATCH_SIZE, not DATA.PATCH_SIZE.
  const depth = key.split(".").length;
  const namesakes = all.filter((each) => nameOf(each) === nameOf(key) && each.split(".").length === depth);
  const near = closest(key, namesakes.length > 0 ? namesakes : all);
  const [name, nearName] = [nameOf(key), nameOf(near)];
  const likely =
    distance(key, near) <= 1 || distance(name, nearName) <= Math.max(2, Math.floor(name.length / 4));
  if (!likely) return { message: `BiaPy has no key ${key}.` };
  return { message: `BiaPy has no key ${key}. Did you mean ${near}?`, suggestion: near };
}
