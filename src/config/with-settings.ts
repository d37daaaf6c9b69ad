import { isScalar, parseDocument, visit, type YAMLMap } from "yaml";

type Item = string | Readonly<Record<string, string>>;

/** Values by dotted key, as written in a file: `True`, `5`, a list of texts or of mappings. */
export type Settings = Readonly<Record<string, string | readonly Item[]>>;

/** Returns a configuration's text with some keys set; comments and order stay. Throws if it is not valid YAML. */
export function withSettings(text: string, settings: Settings): string {
  // Without a schema, every value keeps its text: BiaPy reads `1.E-4` differently from YAML 1.2.
  const document = parseDocument(text, { schema: "failsafe", uniqueKeys: false });
  const [error] = document.errors;
  if (error !== undefined) throw error;
  visit(document, { Map: (_, map) => keepLast(map) });
  for (const [key, value] of Object.entries(settings))
    document.setIn(key.split("."), document.createNode(value));
  return document.toString({ lineWidth: 0 });
}

/** Removes all but the last of the same keys in a mapping: PyYAML reads the last one. */
function keepLast(map: YAMLMap): void {
  const keys = map.items.map(({ key }) => (isScalar(key) ? String(key.value) : undefined));
  map.items = map.items.filter(
    (_, index) => keys[index] === undefined || keys.lastIndexOf(keys[index]) === index,
  );
}
