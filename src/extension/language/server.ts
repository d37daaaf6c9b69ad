// Bundle this entry as dist/yaml-server.cjs (cjs, platform node, mainFields ["module", "main"]).
/** The YAML language server in a separate process. It reads the schema from disk and never uses the network. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createConnection, ProposedFeatures } from "vscode-languageserver/node.js";
import { workspaceContext } from "yaml-language-server/out/server/src/languageservice/services/schemaRequestHandler.js";
import type { Telemetry } from "yaml-language-server/out/server/src/languageservice/telemetry.js";
import { YAMLServerInit } from "yaml-language-server/out/server/src/yamlServerInit.js";
import { SettingsState } from "yaml-language-server/out/server/src/yamlSettings.js";

async function readSchema(uri: string): Promise<string> {
  // A file names its schema in a comment: `file://host/share` is another computer.
  if (!uri.startsWith("file:///"))
    throw new Error(`Schemas are read from this computer only, not from ${uri}.`);
  return readFile(fileURLToPath(uri), "utf8");
}

const noTelemetry: Telemetry = { send: async () => {}, sendError: async () => {}, sendTrack: async () => {} };

const connection = createConnection(ProposedFeatures.all);
// With the stdio transport, standard output is reserved for the protocol.
console.log = connection.console.log.bind(connection.console);
console.error = connection.console.error.bind(connection.console);
new YAMLServerInit(connection, new SettingsState(), workspaceContext, readSchema, noTelemetry).start();
