/** Loads a configuration, fills in defaults, and finds all problems of the file at once. */

import { readFileSync, statSync } from "node:fs";
import { closest, distance } from "fastest-levenshtein";
import { lastOf, oneOf } from "../facts/checked-lists.ts";
import { errorMessage } from "../facts/errors.ts";
import type { Problem } from "../facts/run-events.ts";
import { type ConfigDocument, type ConfigEntry, type Place, parseDocument } from "./document.ts";
import type { FlagKey, Key, ListKey, NumberKey, TextKey } from "./key-names.ts";
import { type KeyFact, type KeyType, keyFacts, keyGroups, keyLimits, type Limits } from "./keys.ts";
import { modernized } from "./older-keys.ts";
import { decoded, isYamlFloat, type PythonValue, written } from "./python-value.ts";

/** A configuration's values by dotted key; BiaPy's defaults for keys that are not set. */
export class Config {
  private readonly values: ReadonlyMap<string, PythonValue>;

  constructor(readonly document: ConfigDocument) {
    this.values = new Map(document.entries.map(({ key, value }) => [key, value]));
  }

  /** Whether the file itself sets the key. */
  sets(key: Key): boolean {
    return this.values.has(key);
  }

  /** The same configuration with another value of one key. */
  with(key: Key, value: PythonValue): Config {
    const { entries, file } = this.document;
    const place = entries.find((entry) => entry.key === key)?.place ?? { file, line: 1, column: 1 };
    const others = entries.filter((entry) => entry.key !== key);
    return new Config({ ...this.document, entries: [...others, { key, value, place }] });
  }

  value(key: Key): PythonValue {
    return this.lookUp(key);
  }

  private lookUp(key: string): PythonValue {
    return this.values.get(key) ?? keyFacts.get(key)?.default ?? null;
  }

  number(key: NumberKey): number {
    return Number(this.value(key));
  }

  flag(key: FlagKey): boolean {
    return this.value(key) === true;
  }

  text(key: TextKey): string {
    return String(this.value(key) ?? "");
  }

  /** A text that is one of `choices`, as `checkConfig` ensures. Throws a RangeError for another one. */
  choice<T extends string>(key: TextKey, choices: readonly T[]): T {
    return oneOf(choices, this.text(key), key);
  }

  /** A list or tuple of numbers; a single number is a list of one. */
  numbers(key: ListKey): number[] {
    return [this.value(key)].flat().map(Number);
  }

  /** The first item of a list, or the value itself: optimizers and rates are lists with one item per model. */
  first(key: ListKey): PythonValue {
    const value = this.value(key);
    return Array.isArray(value) ? value[0] : value;
  }

  /** All values as nested plain objects, as BiaPy keeps its configuration in a checkpoint. */
  toObject(): Record<string, PythonValue> {
    const root: Record<string, PythonValue> = {};
    for (const key of keyFacts.keys()) {
      const parts = key.split(".");
      let group = root;
      for (const part of parts.slice(0, -1)) {
        group[part] ??= {};
        group = group[part] as Record<string, PythonValue>;
      }
      group[lastOf(parts)] = this.lookUp(key);
    }
    return root;
  }

  /** Like {@link problem}, for something that only BiaPy's engine supports. */
  needsBiapy(key: Key, message: string, suggestion?: string): Problem {
    return { ...this.problem(key, message, suggestion), ofEmbeddedEngine: true };
  }

  /** Like {@link problem}, for something that does not prevent a run. */
  warning(key: Key, message: string, suggestion?: string): Problem {
    return { ...this.problem(key, message, suggestion), severity: "warning" };
  }

  /** A problem at the place of a key, or of the nearest group above it that the file has. */
  problem(key: Key, message: string, suggestion?: string): Problem {
    return { severity: "error", key, ...this.placeOf(key), message: `${key}: ${message}`, suggestion };
  }

  /** Returns the place of a key or group, or of the nearest group above it that the file has. */
  placeOf(key: string): Place {
    const { file, entries, groups } = this.document;
    let place = entries.find((entry) => entry.key === key)?.place;
    for (let group = key; place === undefined && group !== ""; ) {
      place = groups.get(group);
      group = group.slice(0, Math.max(group.lastIndexOf("."), 0));
    }
    return place ?? { file, line: 1, column: 1 };
  }
}

/**
 * Reads a configuration and finds the problems of single keys: syntax, unknown and repeated keys, types and
 * ranges. `checkConfig` checks keys against each other.
 *
 * @param text the file's content, to use instead of the file on disk (an unsaved document)
 */
export function loadConfig(file: string, text?: string): { config: Config; problems: Problem[] } {
  let content = text;
  const problems: Problem[] = [];
  try {
    content ??= readText(file);
  } catch (error) {
    const message = errorMessage(error);
    problems.push({ severity: "error", file, message });
    content = "";
  }
  if (content.length > MOST_BYTES) {
    problems.push({ severity: "error", file, message: tooLarge(file, content.length) });
    content = "";
  }
  const parsed = parseDocument(file, content, (key) => keyGroups.has(key));
  // Do not also report an unreadable file as empty.
  if (problems.length === 0) problems.push(...parsed.problems);
  const { document: read, problems: older } = modernized(parsed.document);
  problems.push(...older);
  const written = new Set(parsed.document.entries.map(({ key }) => key));
  const entries = read.entries.map(asWritten);
  const document = { ...read, entries };
  const isUnknownGroup = (group: string) => document.groups.has(group) && !keyGroups.has(group);
  const inUnknownGroup = (key: string) => groupsAbove(key).some(isUnknownGroup);
  const unknownKeys: { readonly key: string; readonly place: Place; readonly names: Iterable<string> }[] = [];
  for (const [key, place] of document.groups)
    if (isUnknownGroup(key) && !inUnknownGroup(key)) unknownKeys.push({ key, place, names: keyGroups });
  for (const entry of document.entries) {
    const { key, place } = entry;
    if (inUnknownGroup(key)) continue;
    if (!keyFacts.has(key) && !keyGroups.has(key)) {
      unknownKeys.push({ key, place, names: keyFacts.keys() });
      continue;
    }
    const fault = faultOf(entry);
    if (fault !== undefined) problems.push({ severity: "error", key, ...place, ...fault });
    // An older key that stands for several keys has already caused a warning.
    else if (written.has(key)) problems.push(...notOfPython(entry));
  }
  problems.push(...unknownProblems(unknownKeys));
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return { config: new Config(document), problems: fewEnough(file, problems) };
}

/** Number of problems listed. Further ones are counted. */
const MOST_PROBLEMS = 200;

function fewEnough(file: string, problems: Problem[]): Problem[] {
  const next = problems[MOST_PROBLEMS];
  if (next === undefined) return problems;
  const { line, column } = next;
  const severity = problems.some((problem) => problem.severity === "error") ? "error" : "warning";
  const message = `${problems.length - MOST_PROBLEMS} more problems follow from here on.`;
  return [...problems.slice(0, MOST_PROBLEMS), { severity, file, line, column, message }];
}

/** Maximum size of a configuration file. All of BiaPy's keys take 40 kB. */
const MOST_BYTES = 2 ** 20;

const tooLarge = (file: string, bytes: number) =>
  `${file} is no configuration: it has ${(bytes / 1e6).toFixed(1)} MB, and configurations have at most 1 MB.`;

/** Reads a configuration's text. Throws an error whose message says why it cannot be read. */
function readText(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw new Error(`There is no file ${file}.`);
  if (!found.isFile()) throw new Error(`${file} is not a file.`);
  if (found.size > MOST_BYTES) throw new Error(tooLarge(file, found.size));
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new Error(`${file} cannot be read.`);
  }
}

/** Returns the groups of a key: `DATA.TRAIN.PATH` in `DATA` and `DATA.TRAIN`. */
function groupsAbove(key: string): string[] {
  const parts = key.split(".");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("."));
}

/** Number of unknown keys listed. Further ones are counted: each listed key costs a search for the nearest name. */
const MOST_UNKNOWN = 50;
/** Longest key for which a similar name is searched. */
const LONGEST_KEY = 200;

function unknownProblems(
  found: readonly { readonly key: string; readonly place: Place; readonly names: Iterable<string> }[],
): Problem[] {
  const problems = found.slice(0, MOST_UNKNOWN).map(({ key, place, names }): Problem => {
    if (key.length <= LONGEST_KEY) return { severity: "error", key, ...place, ...unknown(key, names) };
    return { severity: "error", ...place, message: `BiaPy has no key ${key.slice(0, LONGEST_KEY)}….` };
  });
  const [next] = found.slice(MOST_UNKNOWN);
  if (next === undefined) return problems;
  const message = `${found.length - MOST_UNKNOWN} more keys are not BiaPy's, from this one on.`;
  return [...problems, { severity: "error", ...next.place, message }];
}

interface Fault {
  readonly message: string;
  readonly suggestion?: string;
}

function unknown(key: string, names: Iterable<string>): Fault {
  const near = closest(key, [...names]);
  // Compare names without their sections: KERNEL_INIT is not a misspelled KERNEL_SIZE.
  const nameOf = (each: string) => each.slice(each.lastIndexOf(".") + 1);
  const [name, nearName] = [nameOf(key), nameOf(near)];
  const likely =
    distance(key, near) <= 1 || distance(name, nearName) <= Math.max(2, Math.floor(name.length / 4));
  if (!likely) return { message: `BiaPy has no key ${key}.` };
  return { message: `BiaPy has no key ${key}. Did you mean ${near}?`, suggestion: near };
}

function faultOf(entry: ConfigEntry): Fault | undefined {
  const { key, value } = entry;
  const fact = keyFacts.get(key);
  if (fact === undefined) {
    return value === null
      ? { message: `${key} has no keys below it, which BiaPy refuses: write some or remove the line.` }
      : { message: `${key} is a section with keys of its own, not a value.` };
  }
  if (!hasType(entry, fact))
    return (
      otherwiseWritten(entry, fact) ?? {
        message: `${key} is ${EXPECTED[fact.type]}, such as ${example(key, fact)}, not ${written(value)}.`,
      }
    );
  const limits = keyLimits.get(key);
  return limits === undefined ? undefined : outside(key, value, limits);
}

/** Quoted text stays text for keys of type str, although Python would read a number. */
function asWritten(entry: ConfigEntry): ConfigEntry {
  const { key, value, text, ofYaml } = entry;
  const isText = keyFacts.get(key)?.type === "str" && typeof value !== "string";
  return isText && ofYaml === false && text !== undefined ? { ...entry, value: text } : entry;
}

/** BiaPy refuses `0` for a key that is `0.5` by default: such a file would only work here. */
function notOfPython({ key, value, text = "", place }: ConfigEntry): Problem[] {
  if (typeof value === "string" && value === text && typeof decoded(text) !== "string") {
    const suggestion = key.endsWith("PATH") ? `./${text}` : undefined;
    const message = `${key}: BiaPy itself reads ${text} as a Python value, even in quotes, and refuses it here.`;
    return [{ severity: "warning", key, ...place, message, suggestion }];
  }
  const isFloat = keyFacts.get(key)?.type === "float" && typeof value === "number";
  if (!isFloat || !/^\s*[-+]?\d+\s*$/.test(text)) return [];
  const suggestion = `${text.trim()}.0`;
  const message = `${key}: BiaPy itself takes ${text.trim()} for a whole number and refuses it here; ${suggestion} works everywhere.`;
  return [{ severity: "warning", key, ...place, message, suggestion }];
}

const EXPECTED: Record<KeyType, string> = {
  bool: "True or False",
  int: "a whole number",
  float: "a number",
  str: "text",
  list: "a list",
  tuple: "a tuple",
  NoneType: "a number or None",
};

function example(key: string, fact: KeyFact): string {
  const allowed = keyLimits.get(key)?.allowed?.filter((each) => each !== "");
  if (fact.type === "list" && Array.isArray(fact.default) && fact.default.length === 0) return "[a, b]";
  return written((fact.type === "str" ? allowed?.[0] : undefined) ?? fact.default) || "name";
}

/** Lists that accept a single number, which BiaPy wraps. */
const NUMBER_FOR_LIST =
  /^DATA\.NORMALIZATION\.(PERC_CLIP\.(LOWER|UPPER)_VALUE|ZERO_MEAN_UNIT_VAR\.(MEAN|STD)_VAL)$/;
/** Lists that accept a single fraction, if YAML reads it as one. */
const FRACTION_FOR_LIST: readonly string[] = ["TRAIN.LR", "TRAIN.LR_SCHEDULER.MIN_LR"];
/** Lists that accept a single name. */
const NAME_FOR_LIST: readonly string[] = ["TRAIN.OPTIMIZER", "LOSS.TYPE"];

/** Whether a number is written as a float, by Python's rules. */
const isFraction = (text: string) => /[.eE]/.test(text) && !/^[-+]?0[xX]/.test(text);

/** Whether BiaPy accepts a value for a key of this type. */
function hasType(
  { key, value, text = "", ofYaml }: ConfigEntry,
  { type, default: standard }: KeyFact,
): boolean {
  if (type === "bool") return typeof value === "boolean";
  if (type === "int") return typeof value === "number" && Number.isInteger(value) && !isFraction(text);
  if (type === "float") return Number.isFinite(value);
  if (type === "str") return typeof value === "string" || (value === null && standard === "");
  if (type === "NoneType") return value === null || Number.isFinite(value);
  // Lists and tuples are interchangeable.
  if (Array.isArray(value)) return !isNumeric(standard) || holdsNumbers(value);
  if (typeof value === "number" && NUMBER_FOR_LIST.test(key)) return true;
  if (typeof value === "number" && FRACTION_FOR_LIST.includes(key))
    return ofYaml === true && isYamlFloat(text);
  return typeof value === "string" && NAME_FOR_LIST.includes(key);
}

const isNumeric = (standard: PythonValue) =>
  Array.isArray(standard) && standard.length > 0 && holdsNumbers(standard);

/** Whether a value is a finite number or a sequence of them, sequences in it included. */
function holdsNumbers(value: PythonValue): boolean {
  return Array.isArray(value) ? value.every(holdsNumbers) : Number.isFinite(value);
}

/** A correct value in the wrong notation. */
function otherwiseWritten({ key, value, text = "" }: ConfigEntry, fact: KeyFact): Fault | undefined {
  const { type } = fact;
  if (type === "int" && typeof value === "number" && Number.isInteger(value)) {
    const message = `${key} is a whole number; BiaPy refuses ${text} because of its decimal point.`;
    return { message, suggestion: String(value) };
  }
  if (typeof value === "number" && Number.isFinite(value) && FRACTION_FOR_LIST.includes(key)) {
    const suggestion = yamlFloat(value);
    const why = isFraction(text)
      ? `YAML's numbers need a dot (and a sign after e), so that BiaPy reads ${text} as text`
      : `BiaPy takes ${text} for a whole number and refuses it`;
    return { message: `${key}: ${why}. Write ${suggestion}.`, suggestion };
  }
  if (
    typeof value === "string" &&
    /^[-+]?\d+,\d+$/.test(value) &&
    (type === "float" || FRACTION_FOR_LIST.includes(key))
  ) {
    const suggestion = yamlFloat(Number(value.replace(",", ".")));
    return { message: `${key}: ${value} has a decimal comma. Write ${suggestion}.`, suggestion };
  }
  const ofList = type === "list" || type === "tuple";
  if (!ofList || value === null || typeof value === "object" || typeof value === "boolean") return undefined;
  const right = type === "list" && (!isNumeric(fact.default) || Number.isFinite(value));
  const suggestion = right ? `[${text}]` : undefined;
  return { message: `${key} is ${EXPECTED[type]} (${example(key, fact)}), not ${text}.`, suggestion };
}

/** Formats a number with the dot and the sign that YAML 1.1 requires: `1.0e-5`. */
function yamlFloat(value: number): string {
  const text = String(value);
  if (/^-?\d+$/.test(text)) return `${text}.0`;
  return text.replace(/^(-?\d+)e/, "$1.0e");
}

function outside(
  key: string,
  value: PythonValue,
  { allowed, anyCase, least, most, open }: Limits,
): Fault | undefined {
  for (const item of [value].flat()) {
    if (allowed !== undefined && (typeof item === "string" || typeof item === "number")) {
      if (allowed.includes(anyCase ? String(item).toLowerCase() : item)) continue;
      const names = allowed.filter((each) => each !== "").map(String);
      const near =
        names.find((name) => name.toLowerCase() === String(item).toLowerCase()) ??
        closest(String(item), names);
      return {
        message: `${key} is one of ${names.join(", ")}; it cannot be ${written(item)}.`,
        suggestion: near,
      };
    }
    if (typeof item !== "number") continue;
    const low = least !== undefined && (open ? item <= least : item < least);
    const high = most !== undefined && (open ? item >= most : item > most);
    if (low || high) {
      const range =
        most === undefined
          ? `at least ${least}`
          : `${open ? "between" : "from"} ${least} ${open ? "and" : "to"} ${most}`;
      return { message: `${key} is ${range}; it cannot be ${item}.` };
    }
  }
  return undefined;
}
