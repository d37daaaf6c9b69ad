/** The YAML language server as this extension runs it: for configurations alone, with our schema, offline. */
import type { ExtensionContext } from "vscode";
import * as vscode from "vscode";
import {
  LanguageClient,
  type LanguageClientOptions,
  type StaticFeature,
  TransportKind,
} from "vscode-languageclient/node";
import { LANGUAGE } from "../workspace/recognize.ts";
import { serverSettings } from "./server-settings.ts";

/**
 * The server registers its formatter for languages of its own choice when it may register features later on; it announces
 * it at the start, for the client's languages, when it may not.
 */
const formatterFromStart: StaticFeature = {
  fillClientCapabilities({ textDocument }) {
    if (textDocument !== undefined) textDocument.formatting = { dynamicRegistration: false };
  },
  initialize() {},
  getState: () => ({ kind: "static" }),
  clear() {},
};

/** A key that was chosen asks for its values at once. */
function offerValuesNext(item: vscode.CompletionItem): void {
  if (item.kind !== vscode.CompletionItemKind.Property) return;
  item.command = { command: "editor.action.triggerSuggest", title: "Offer values" };
}

/** A value without stops is plain text, so that Enter behind one that was typed in full begins the next line. */
function asPlainText(item: vscode.CompletionItem): void {
  const { insertText, kind } = item;
  if (kind === vscode.CompletionItemKind.Property || !(insertText instanceof vscode.SnippetString)) return;
  if (!insertText.value.includes("$")) item.insertText = insertText.value;
}

/** Starts the server; it stops with the extension. */
export async function startYamlClient(context: ExtensionContext): Promise<LanguageClient> {
  const module = context.asAbsolutePath("dist/yaml-server.cjs");
  const schema = vscode.Uri.file(context.asAbsolutePath("schemas/biapy-config.schema.json")).toString();
  const settings = serverSettings(schema);
  const options: LanguageClientOptions = {
    documentSelector: [{ language: LANGUAGE }],
    middleware: {
      // The server's lens names the schema's file; the lenses of a configuration start its training.
      provideCodeLenses: () => [],
      provideCompletionItem: async (document, position, context, token, next) => {
        const found = await next(document, position, context, token);
        for (const item of Array.isArray(found) ? found : (found?.items ?? [])) {
          offerValuesNext(item);
          asPlainText(item);
        }
        return found;
      },
      workspace: {
        // Settings of the Red Hat extension, if it is installed, are not ours.
        configuration: ({ items }) => items.map(({ section }) => settings[section ?? ""] ?? null),
      },
    },
  };
  const run = { module, transport: TransportKind.ipc };
  const client = new LanguageClient("biapyYaml", "BiaPy configurations", { run, debug: run }, options);
  client.registerFeature(formatterFromStart);
  context.subscriptions.push({ dispose: () => void client.dispose() });
  await client.start();
  return client;
}
