/** Settings of the YAML server, by section. */
export function serverSettings(schemaUri: string): Readonly<Record<string, unknown>> {
  return {
    yaml: {
      schemas: { [schemaUri]: "*" },
      completion: true,
      hover: true,
      hoverSchemaSource: false,
      // Our diagnostics report every problem, as the command line does.
      validate: false,
      format: { enable: true, printWidth: 120 },
      schemaStore: { enable: false },
      kubernetesCRDStore: { enable: false },
      disableDefaultProperties: true,
      maxItemsComputed: 5000,
    },
    http: { proxy: "", proxyStrictSSL: false },
    "[yaml]": { "editor.tabSize": 4 },
    editor: { detectIndentation: false },
  };
}
