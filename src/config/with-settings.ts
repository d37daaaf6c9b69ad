import { parseDocument } from "yaml";

type Item = string | Readonly<Record<string, string>>;

/** Values by dotted key, as written in a file: `True`, `5`, a list of texts or of mappings. */
export type Settings = Readonly<Record<string, string | readonly Item[]>>;

/** Returns a configuration's text with some keys set; comments and order stay. Throws if it is not valid YAML. */
export function withSettings(text: string, settings: Settings): string {
  // Without a schema, every value keeps its text: BiaPy reads `1.E-4` differently from YAML 1.2.
  const document = parseDocument(text, { schema: "failsafe" });
  const [error] = document.errors;
  if (error !== undefined) throw error;
  for (const [key, value] of Object.entries(settings))
    document.setIn(key.split("."), document.createNode(value));
  return document.toString({ lineWidth: 0 });
}
