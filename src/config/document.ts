/** A YAML configuration as a flat list of keys with their places in the file. */
import { EVENT_ID, getScalarValue, parseEvents, SCALAR_STYLE, YAMLException } from "js-yaml";
import type { Problem } from "../facts/run-events.ts";
import { type PythonValue, pythonValue } from "./python-value.ts";

/** A key that has a value of its own (not a group of keys). */
export interface ConfigEntry {
  /** Dotted, such as `DATA.PATCH_SIZE`. */
  readonly key: string;
  readonly value: PythonValue;
  /** How a value that is no list and no mapping is written. */
  readonly text?: string;
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
}

type Node =
  | { readonly kind: "scalar"; readonly value: PythonValue; readonly text: string; readonly start: number }
  | { readonly kind: "list"; readonly items: readonly Node[] }
  | { readonly kind: "group"; readonly items: readonly { readonly key: Node; readonly value: Node }[] };

/** Finds the places of offsets in a text. */
function placesIn(file: string, text: string): (offset: number) => Place {
  const starts = [0];
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) starts.push(end + 1);
  return (offset) => {
    let [line, after] = [0, starts.length];
    while (after - line > 1) {
      const middle = (line + after) >> 1;
      if (starts[middle] <= offset) line = middle;
      else after = middle;
    }
    return { file, line: line + 1, column: offset - starts[line] + 1 };
  };
}

/** Builds the tree of a file's first document from js-yaml's events. */
function parseTree(text: string, file: string): Node | undefined {
  const events = parseEvents(text, { filename: file });
  let at = 0;
  const build = (): Node | undefined => {
    const event = events[at++];
    if (event === undefined) return undefined;
    if (event.type === EVENT_ID.SCALAR) {
      const value = getScalarValue(text, event);
      const plain = event.style === SCALAR_STYLE.PLAIN;
      return { kind: "scalar", value: pythonValue(value, plain), text: value, start: event.valueStart };
    }
    if (event.type === EVENT_ID.SEQUENCE) {
      const items = buildMany();
      return { kind: "list", items };
    }
    if (event.type === EVENT_ID.MAPPING) {
      const flat = buildMany();
      const pairs = Array.from({ length: flat.length / 2 }, (_, index) => ({
        key: flat[2 * index],
        value: flat[2 * index + 1],
      }));
      return { kind: "group", items: pairs };
    }
    throw new YAMLException("anchors and aliases (& and *) are not understood: write the value out.");
  };
  const buildMany = (): Node[] => {
    const nodes: Node[] = [];
    while (at < events.length && events[at].type !== EVENT_ID.POP) {
      const node = build();
      if (node !== undefined) nodes.push(node);
    }
    at++;
    return nodes;
  };
  if (events[at]?.type === EVENT_ID.DOCUMENT) at++;
  return events[at]?.type === EVENT_ID.POP ? undefined : build();
}

function plainValue(node: Node): PythonValue {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(plainValue);
  return Object.fromEntries(
    node.items.map(({ key, value }) => [key.kind === "scalar" ? key.text : "", plainValue(value)]),
  );
}

/**
 * Parses a configuration. `isGroup` tells which dotted names hold further keys.
 *
 * Syntax errors and repeated keys come back as problems.
 */
export function parseDocument(
  file: string,
  text: string,
  isGroup: (key: string) => boolean,
): { document: ConfigDocument; problems: Problem[] } {
  const entries: ConfigEntry[] = [];
  const groups = new Map<string, Place>();
  const problems: Problem[] = [];
  const seen = new Map<string, Place>();
  const placeOf = placesIn(file, text);
  const walk = (node: Node, prefix: string): void => {
    if (node.kind !== "group") return;
    for (const { key: keyNode, value } of node.items) {
      if (keyNode.kind !== "scalar") continue;
      const key = prefix + keyNode.text;
      const place = placeOf(keyNode.start);
      const earlier = seen.get(key);
      if (earlier !== undefined) {
        const message = `${key} is written twice, first on line ${earlier.line}. Keep one of them.`;
        problems.push({ severity: "error", key, ...place, message });
        continue;
      }
      seen.set(key, place);
      const nested = value.kind === "group" && (isGroup(key) || !isLeafMapping(value));
      if (nested) {
        groups.set(key, place);
        walk(value, `${key}.`);
      } else {
        const text = value.kind === "scalar" ? value.text : undefined;
        entries.push({ key, value: plainValue(value), text, place });
      }
    }
  };
  const document = { file, entries, groups };
  try {
    const tree = parseTree(text, file);
    if (tree !== undefined && tree.kind !== "group") {
      const message =
        "A configuration is a list of sections such as PROBLEM, DATA and TRAIN, each ending in a colon.";
      problems.push({ severity: "error", file, line: 1, column: 1, message });
    } else if (tree !== undefined) walk(tree, "");
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { mark } = error;
    const line = mark === undefined ? 1 : mark.line + 1;
    const column = mark === undefined ? 1 : mark.column + 1;
    problems.push({
      severity: "error",
      file,
      line,
      column,
      message: `This is not valid YAML: ${error.reason}.`,
    });
  }
  return { document, problems };
}

/** A mapping under a key that is unknown is taken for a group, so that its own keys can be reported. */
function isLeafMapping(node: Node): boolean {
  return node.kind === "group" && node.items.length === 0;
}
