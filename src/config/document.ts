/** A YAML configuration as a flat list of keys with their places in the file. */
import { at } from "../facts/checked-lists.ts";
import type { Problem } from "../facts/run-events.ts";
import { decoded, isYamlDate, type PythonValue } from "./python-value.ts";
import { YamlError, type YamlNode, type YamlPair, yamlTree } from "./yaml-tree.ts";

/** A key with a value (not a group of keys). */
export interface ConfigEntry {
  /** Dotted, such as `DATA.PATCH_SIZE`. */
  readonly key: string;
  readonly value: PythonValue;
  /** How a scalar value is written. */
  readonly text?: string;
  /** How the first item of a list is written. */
  readonly firstText?: string;
  /** Whether YAML reads the text as a number, boolean, null or date, instead of Python decoding it. The value of a date is its text. */
  readonly ofYaml?: boolean;
  readonly place: Place;
}

/** Where a key stands; counted from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface ConfigDocument {
  readonly file: string;
  readonly entries: readonly ConfigEntry[];
  /** Groups of keys that the file opens, with their places. */
  readonly groups: ReadonlyMap<string, Place>;
  /** Entries of earlier versions, as they are in the file. */
  readonly older?: readonly ConfigEntry[];
}

/** Returns a function that finds the place of an offset in a text. */
function placesIn(file: string, text: string): (offset: number) => Place {
  const starts = [0];
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) starts.push(end + 1);
  return (offset) => {
    let [line, after] = [0, starts.length];
    while (after - line > 1) {
      const middle = (line + after) >> 1;
      if (at(starts, middle) <= offset) line = middle;
      else after = middle;
    }
    return { file, line: line + 1, column: offset - at(starts, line) + 1 };
  };
}

/** Returns a value as YAML reads it. Values in lists stay so; yacs decodes only the text of a key. */
function plainValue(node: YamlNode): PythonValue {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(plainValue);
  return Object.fromEntries(
    node.items.map(({ key, value }) => [key.kind === "scalar" ? key.text : "", plainValue(value)]),
  );
}

const keyValue = (node: YamlNode): PythonValue =>
  node.kind === "scalar" && typeof node.value === "string" ? decoded(node.value) : plainValue(node);

/**
 * Parses a configuration. Syntax errors and empty files are returned as problems, and repeated keys as warnings: as in PyYAML, the last one
 * counts.
 *
 * @param isGroup whether a dotted name holds further keys
 */
export function parseDocument(
  file: string,
  text: string,
  isGroup: (key: string) => boolean,
): { document: ConfigDocument; problems: Problem[] } {
  const { entries, groups, problems } = new DocumentReader(file, text, isGroup);
  return { document: { file, entries, groups }, problems };
}

class DocumentReader {
  readonly entries: ConfigEntry[] = [];
  readonly groups = new Map<string, Place>();
  readonly problems: Problem[] = [];
  private readonly placeOf: (offset: number) => Place;
  /** The first place of each key. */
  private readonly seen = new Map<string, Place>();

  constructor(
    file: string,
    text: string,
    private readonly isGroup: (key: string) => boolean,
  ) {
    this.placeOf = placesIn(file, text);
    const start = { file, line: 1, column: 1 };
    try {
      const tree = yamlTree(text, file);
      if (tree === undefined || (tree.kind === "scalar" && tree.value === null))
        this.refuse(start, "The file is empty: a configuration starts with a section such as PROBLEM.");
      else if (tree.kind === "group") this.readGroup(tree.items, "");
      else
        this.refuse(
          start,
          "A configuration is a list of sections such as PROBLEM, DATA and TRAIN, each ending in a colon.",
        );
    } catch (error) {
      if (!(error instanceof YamlError)) throw error;
      this.refuse(this.placeOf(error.offset), error.message);
    }
  }

  private refuse(place: Place, message: string): void {
    this.problems.push({ severity: "error", ...place, message });
  }

  private readGroup(items: readonly YamlPair[], prefix: string): void {
    const named = items.flatMap(({ key, value }) => (key.kind === "scalar" ? [{ name: key, value }] : []));
    const last = new Map(named.map(({ name }, index) => [name.text, index]));
    for (const [index, { name, value }] of named.entries()) {
      const place = this.placeOf(name.start);
      if (name.text.includes("."))
        this.refuse(
          place,
          `BiaPy has no key ${name.text}: write sections in lines of their own, each ending in a colon.`,
        );
      else {
        this.noteKey(prefix + name.text, place);
        if (last.get(name.text) === index) this.readValue(prefix + name.text, value, place);
      }
    }
  }

  /** Warns of a key that was seen before. */
  private noteKey(key: string, place: Place): void {
    const earlier = this.seen.get(key);
    if (earlier === undefined) this.seen.set(key, place);
    else
      this.problems.push({
        severity: "warning",
        key,
        ...place,
        message: `${key} is written twice, first on line ${earlier.line}: the last one counts. Keep one of them.`,
      });
  }

  private readValue(key: string, value: YamlNode, place: Place): void {
    // A mapping below an unknown key is read as a group, so that its keys can be reported.
    if (value.kind === "group" && (this.isGroup(key) || value.items.length > 0)) {
      this.groups.set(key, place);
      this.readGroup(value.items, `${key}.`);
      return;
    }
    const scalar = value.kind === "scalar" ? value : undefined;
    const ofYaml =
      scalar !== undefined &&
      (typeof scalar.value !== "string" || (scalar.plain && isYamlDate(scalar.value)));
    const [first] = value.kind === "list" ? value.items : [];
    const firstText = first?.kind === "scalar" ? first.text : undefined;
    this.entries.push({ key, value: keyValue(value), text: scalar?.text, firstText, ofYaml, place });
  }
}
