/** Quotes a path that YAML would read as something else. */
export function yamlText(text: string): string {
  return /^[\w./][\w./ -]*$/.test(text) && !/^[\d.]+$|^(true|false|null|none)$|\s$/i.test(text)
    ? text
    : `'${text.replaceAll("'", "''")}'`;
}
