import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  type Node,
  parseDocument,
  visit,
  type YAMLMap,
} from "yaml";

type Item = string | Readonly<Record<string, string>>;

/** Values by dotted key, as written in a file: `True`, `5`, a list of texts or of mappings. */
export type Settings = Readonly<Record<string, string | readonly Item[]>>;

/** Returns a configuration's text with some keys set; comments and order stay. Throws if it is not valid YAML. */
export function withSettings(text: string, settings: Settings): string {
  // Without a schema, every value keeps its text: BiaPy reads `1.E-4` differently from YAML 1.2.
  const document = parseDocument(text, { schema: "failsafe", uniqueKeys: false });
  const [error] = document.errors;
  if (error !== undefined) throw error;
  const { maps, sources } = partsOf(document);
  for (const map of maps) keepLast(map);
  for (const [key, value] of Object.entries(settings))
    document.setIn(key.split("."), document.createNode(value));
  restoreAnchors(document, sources);
  return document.toString({ lineWidth: 0 });
}

/** Returns the mappings of a document, and the node that each alias repeats. */
function partsOf(document: Document): { maps: readonly YAMLMap[]; sources: ReadonlyMap<Alias, Node> } {
  const maps: YAMLMap[] = [];
  const anchors = new Map<string, Node>();
  const sources = new Map<Alias, Node>();
  visit(document, {
    Node: (_, node) => {
      if (isMap(node)) maps.push(node);
      const source = isAlias(node) ? anchors.get(node.source) : undefined;
      if (isAlias(node) && source !== undefined) sources.set(node, source);
      if (!isAlias(node) && node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return { maps, sources };
}

/** Puts nodes that were removed with their anchors in the place of their first aliases. */
function restoreAnchors(document: Document, sources: ReadonlyMap<Alias, Node>): void {
  const present = new Set<unknown>();
  const add = (from: Document | Node) => visit(from, { Node: (_, node) => void present.add(node) });
  add(document);
  visit(document, {
    Alias: (_, alias) => {
      const source = sources.get(alias);
      if (source === undefined || present.has(source)) return undefined;
      add(source);
      return source;
    },
  });
}

/** Removes all but the last of the same keys, as PyYAML reads the last one. Of several merge keys (`<<`), each counts. */
function keepLast(map: YAMLMap): void {
  const keys = map.items.map(({ key }) => (isScalar(key) ? String(key.value) : undefined));
  map.items = map.items.filter((_, index) => {
    const key = keys[index];
    return key === undefined || key === "<<" || keys.lastIndexOf(key) === index;
  });
}
