/** What BiaPy takes for a Python value, quoted or not: numbers, True, False, None, tuples, lists, strings in quotes. */
const PYTHON_VALUE = /^([\d._]+|True|False|None|[([{'"].*)$/;
/** Text that needs no quotes in YAML. */
const PLAIN = /^[\w./][\w./ -]*$/;
const YAML_VALUE = /^[\d.]+$|^(true|false|null|none|yes|no|on|off)$|\s$/i;

/** Writes a path for YAML: quoted if YAML would read it as something else, and after `./` if BiaPy would. */
export function yamlText(path: string): string {
  const text = PYTHON_VALUE.test(path) ? `./${path}` : path;
  return PLAIN.test(text) && !YAML_VALUE.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
}
