/** Loads a configuration, fills in defaults, and finds all problems of the file at once. */

import { readFileSync, statSync } from "node:fs";
import { oneOf } from "../facts/checked-lists.ts";
import { errorMessage } from "../facts/errors.ts";
import type { Problem } from "../facts/run-events.ts";
import { type ConfigDocument, type ConfigEntry, type Place, parseDocument } from "./document.ts";
import { type Fault, faultOf, refusedByBiapy } from "./key-faults.ts";
import type { FlagKey, Key, ListKey, NumberKey, TextKey } from "./key-names.ts";
import { keyFacts, keyGroups } from "./keys.ts";
import { modernized } from "./older-keys.ts";
import type { PythonValue } from "./python-value.ts";
import { type UnknownKey, unknownProblems } from "./unknown-keys.ts";
import { isUnused } from "./unused-keys.ts";

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

  /** Returns the same configuration with another value of one key. */
  with(key: Key, value: PythonValue): Config {
    return this.withEntries([{ key, value }]);
  }

  /** Returns the same configuration with other values of some keys. */
  withEntries(changed: readonly Pick<ConfigEntry, "key" | "value">[]): Config {
    const { entries, file } = this.document;
    const places = new Map(entries.map(({ key, place }) => [key, place]));
    const added = new Map(
      changed.map(({ key, value }) => [
        key,
        { key, value, place: places.get(key) ?? { file, line: 1, column: 1 } },
      ]),
    );
    const others = entries.filter(({ key }) => !added.has(key));
    return new Config({ ...this.document, entries: [...others, ...added.values()] });
  }

  /** Returns the entries whose values differ from this configuration's. */
  differing(entries: readonly ConfigEntry[]): ConfigEntry[] {
    return entries.filter(({ key, value }) => JSON.stringify(value) !== JSON.stringify(this.lookUp(key)));
  }

  /** Returns the value that the file gives to the key, or BiaPy's default. */
  value(key: Key): PythonValue {
    return this.lookUp(key);
  }

  private lookUp(key: string): PythonValue {
    return this.values.get(key) ?? keyFacts.get(key)?.default ?? null;
  }

  /** Returns a number; NaN for a value of another type, which {@link loadConfig} reports. */
  number(key: NumberKey): number {
    return Number(this.value(key));
  }

  flag(key: FlagKey): boolean {
    return this.value(key) === true;
  }

  /** Returns a text; empty for None. */
  text(key: TextKey): string {
    return String(this.value(key) ?? "");
  }

  /** Returns a text that is one of `choices`, as `checkConfig` ensures. Throws a RangeError for another one. */
  choice<T extends string>(key: TextKey, choices: readonly T[]): T {
    return oneOf(choices, this.text(key), key);
  }

  /** Returns a list or tuple of numbers; a single number is a list of one. */
  numbers(key: ListKey): number[] {
    return [this.value(key)].flat().map(Number);
  }

  /** Returns a list of texts; a single text is a list of one. */
  texts(key: ListKey): string[] {
    return [this.value(key)].flat().map(String);
  }

  /** Returns the first item of a list, or the value itself: optimizers and rates are lists with one item per model. */
  first(key: ListKey): PythonValue {
    const value = this.value(key);
    return Array.isArray(value) ? value[0] : value;
  }

  /** Returns all values as nested plain objects, as BiaPy keeps its configuration in a checkpoint. */
  toObject(): Record<string, PythonValue> {
    const root: Record<string, PythonValue> = {};
    const groups = new Map([["", root]]);
    for (const key of keyFacts.keys()) {
      const [group, name] = parentOf(key);
      groupIn(groups, group)[name] = this.lookUp(key);
    }
    return root;
  }

  /** Returns a {@link problem} of something that only BiaPy's engine supports. */
  needsBiapy(key: Key, message: string, suggestion?: string): Problem {
    return { ...this.problem(key, message, suggestion), ofEmbeddedEngine: true };
  }

  /** Returns a {@link problem} that does not prevent a run. */
  warning(key: Key, message: string, suggestion?: string): Problem {
    return { ...this.problem(key, message, suggestion), severity: "warning" };
  }

  /** Returns a problem at the place of a key, or of the nearest group above it that the file has. */
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
  const config = new Config(document);
  const isUnknownGroup = (group: string) => document.groups.has(group) && !keyGroups.has(group);
  const inUnknownGroup = (key: string) => groupsAbove(key).some(isUnknownGroup);
  const unknownKeys: UnknownKey[] = [];
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
    if (fault !== undefined) problems.push(problemOf(config, entry, fault));
    // An older key that stands for several keys has already caused a warning.
    else if (written.has(key)) problems.push(...refusedByBiapy(entry));
  }
  problems.push(...unknownProblems(unknownKeys));
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return { config, problems: fewEnough(file, problems) };
}

/** Returns an error, or a warning for a key that the task does not use, if BiaPy accepts its notation. */
function problemOf(config: Config, entry: ConfigEntry, fault: Fault): Problem {
  const { key, place } = entry;
  const { message, suggestion, ofLimits = false } = fault;
  if (!ofLimits || !isUnused(config, key) || refusedByBiapy(entry).length > 0)
    return { severity: "error", key, ...place, message, suggestion };
  return { severity: "warning", key, ...place, message: `${message} This task does not use it.`, suggestion };
}

/** Number of problems listed. Further ones are counted. */
const MOST_PROBLEMS = 200;

function fewEnough(file: string, problems: Problem[]): Problem[] {
  const next = problems[MOST_PROBLEMS];
  if (next === undefined) return problems;
  const { line, column } = next;
  const severity = problems.some((problem) => problem.severity === "error") ? "error" : "warning";
  const message = `${problems.length - MOST_PROBLEMS} more problems follow.`;
  return [...problems.slice(0, MOST_PROBLEMS), { severity, file, line, column, message }];
}

/** Maximum size of a configuration file. All of BiaPy's keys take 40 kB. */
export const MOST_BYTES = 2 ** 20;

const tooLarge = (file: string, bytes: number) =>
  `${file} is not a configuration: it has ${(bytes / 1e6).toFixed(1)} MB, and configurations have at most 1 MB.`;

/** Reads a configuration's text. Throws an error whose message says why it cannot be read. */
function readText(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw new Error(`There is no file ${file}.`);
  if (!found.isFile()) throw new Error(`${file} is not a file.`);
  if (found.size > MOST_BYTES) throw new Error(tooLarge(file, found.size));
  try {
    return UTF_8.decode(readFileSync(file));
  } catch (error) {
    if (error instanceof TypeError)
      throw new Error(`${file} is not a text in UTF-8, which BiaPy needs. Save it with this encoding.`);
    throw new Error(`${file} cannot be read.`);
  }
}

const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Splits a dotted name: `DATA.TRAIN.PATH` -> `DATA.TRAIN` and `PATH`. The parent of a section at the top level is "". */
function parentOf(key: string): [group: string, name: string] {
  const end = key.lastIndexOf(".");
  return [key.slice(0, Math.max(end, 0)), key.slice(end + 1)];
}

/** Returns a group by its dotted name. Creates it, in its parent, if it is missing. */
function groupIn(
  groups: Map<string, Record<string, PythonValue>>,
  group: string,
): Record<string, PythonValue> {
  const known = groups.get(group);
  if (known !== undefined) return known;
  const made: Record<string, PythonValue> = {};
  groups.set(group, made);
  const [parent, name] = parentOf(group);
  groupIn(groups, parent)[name] = made;
  return made;
}

/** Returns the groups of a key: `DATA.TRAIN.PATH` in `DATA` and `DATA.TRAIN`. */
function groupsAbove(key: string): string[] {
  const parts = key.split(".");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("."));
}

/** Returns an entry whose quoted text stays text for keys of type str, although Python would read a number. None is not text. */
function asWritten(entry: ConfigEntry): ConfigEntry {
  const { key, value, text, ofYaml } = entry;
  const isText = keyFacts.get(key)?.type === "str" && typeof value !== "string" && value !== null;
  return isText && ofYaml === false && text !== undefined ? { ...entry, value: text } : entry;
}
