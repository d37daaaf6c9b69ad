import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { onOneLineEach } from "./one-line-values.ts";
import { withoutTabs } from "./tabs.ts";

type Item = string | Readonly<Record<string, string>>;

/** Values by dotted key, as written in a file: `True`, `5`, a list of texts or of mappings. */
export type Settings = Readonly<Record<string, string | readonly Item[]>>;

/**
 * Returns a configuration's text with some keys set; comments and order stay, and aliases and merge keys are written out. Throws if it is
 * not valid YAML.
 */
export function withSettings(text: string, settings: Settings): string {
  // Without a schema, every value keeps its text: BiaPy reads `1.E-4` differently from YAML 1.2.
  const options = { schema: "failsafe", uniqueKeys: false } as const;
  const untabbed = withoutTabs(text);
  const written = parseDocument(untabbed, options);
  const [error] = written.errors;
  const document = error === undefined ? written : parseDocument(onOneLineEach(untabbed), options);
  if (error !== undefined && document.errors.length > 0) throw error;
  writeOutAliases(document);
  const flat = new Map<YAMLMap, readonly Pair[]>();
  visit(document, { Map: (_, map) => void keepOne(map, flat) });
  for (const [key, value] of Object.entries(settings))
    document.setIn(key.split("."), document.createNode(value));
  return document.toString({ lineWidth: 0 });
}

/** Most nodes that are written out: aliases may repeat aliases. */
const MOST_COPIES = 100_000;

/** Replaces each alias by a copy of the node that it repeats, so that a setting changes one of them. */
function writeOutAliases(document: Document): void {
  const anchors = new Map<string, YAMLMap | YAMLSeq | Scalar>();
  let count = 0;
  visit(document, {
    Value: (_, node) => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
    Alias: (_, { source }, path) => {
      const repeated = anchors.get(source);
      if (repeated !== undefined && path.includes(repeated))
        throw new Error(`&${source} contains itself (*${source}).`);
      const copy = repeated?.clone();
      if (!isNode(copy)) return undefined;
      visit(copy, () => void count++);
      if (count > MOST_COPIES) throw new Error("The file repeats itself too often.");
      return copy;
    },
  });
  visit(document, {
    Value: (_, node) => {
      delete node.anchor;
    },
  });
}

const isMerge = ({ key }: Pair) => isScalar(key) && key.type === "PLAIN" && key.value === "<<";

const nameOf = (pair: Pair) => (isScalar(pair.key) ? pair.key.value : pair);
/** Copies of a key have its place in the text. */
const placeOf = (pair: Pair) => (isScalar(pair.key) ? pair.key.range?.[0] : pair);

/**
 * Leaves one pair for each key of a mapping: PyYAML reads the last of repeated keys, and keys that merge keys (`<<`) bring only where the
 * mapping has no own ones.
 *
 * @param flat all pairs of the mappings seen before, in the order in which PyYAML merges them
 * @returns all pairs of this mapping, in the same order
 */
function keepOne(map: YAMLMap, flat: Map<YAMLMap, readonly Pair[]>): readonly Pair[] {
  const done = flat.get(map);
  if (done !== undefined) return done;
  const own = map.items.filter((pair) => !isMerge(pair));
  const merged = new Map<unknown, Pair>();
  for (const pair of map.items.filter(isMerge).flatMap(({ value }) => mergedPairs(value, flat)))
    if (!merged.has(placeOf(pair))) merged.set(placeOf(pair), pair);
  const brought = new Map([...merged.values()].map((pair) => [nameOf(pair), pair] as const));
  const kept = new Map<unknown, Pair>();
  for (const pair of own) {
    // Of repeated keys, the last one has its own place.
    kept.delete(nameOf(pair));
    kept.set(nameOf(pair), pair);
  }
  for (const [name, pair] of brought) if (!kept.has(name)) kept.set(name, pair);
  map.items = [...kept.values()];
  const all = [...merged.values(), ...own];
  flat.set(map, all);
  return all;
}

/** The pairs that a merge key brings. */
function mergedPairs(value: unknown, flat: Map<YAMLMap, readonly Pair[]>): readonly Pair[] {
  if (isSeq(value)) return value.items.flatMap((each) => mergedPairs(each, flat));
  return isMap(value) ? keepOne(value, flat) : [];
}
