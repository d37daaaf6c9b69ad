import { decoded, isYamlDate, yamlScalar } from "../../config/python-value.ts";

/**
 * Writes a path as a YAML value: quoted if YAML would read something else, and prefixed with `./` if BiaPy would read it
 * as a number even in quotes.
 */
export function yamlText(path: string): string {
  const text = typeof decoded(path) === "string" ? path : `./${path}`;
  const plain =
    /^[\w./][\w./ -]*$/.test(text) && typeof yamlScalar(text, true) === "string" && !isYamlDate(text);
  return plain && !/^none$|\s$/i.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
}
