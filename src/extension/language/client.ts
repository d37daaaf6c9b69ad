/** Runs the YAML language server: for configurations only, with our schema, offline. */
import type { ExtensionContext } from "vscode";
import * as vscode from "vscode";
import {
  LanguageClient,
  type LanguageClientOptions,
  type StaticFeature,
  TransportKind,
} from "vscode-languageclient/node";
import { loadConfig } from "../../config/config.ts";
import { indentWidth } from "../../config/tabs.ts";
import { LANGUAGE } from "../workspace/recognize.ts";
import { engineOf } from "./diagnostics.ts";
import { baseFolder } from "./documents.ts";
import { keyLines, sectionAt } from "./key-lines.ts";
import { IMAGE_FOLDER_KEY } from "./problem-fixes.ts";
import { serverSettings } from "./server-settings.ts";
import { keySortText, usualKeys } from "./usual-keys.ts";
import { rankValues } from "./value-ranks.ts";

/**
 * With dynamic registration, the server registers its formatter for its own list of languages. Without it, the server announces the
 * formatter at the start, for the client's languages.
 */
const formatterFromStart: StaticFeature = {
  fillClientCapabilities({ textDocument }) {
    if (textDocument !== undefined) textDocument.formatting = { dynamicRegistration: false };
  },
  initialize() {},
  getState: () => ({ kind: "static" }),
  clear() {},
};

/** A chosen key offers its values at once. */
function offerValuesNext(item: vscode.CompletionItem): void {
  item.command = { command: "editor.action.triggerSuggest", title: "Offer values" };
}

/** A value without tab stops is plain text, so that Enter after a fully typed value starts the next line. */
function asPlainText(item: vscode.CompletionItem): void {
  const { insertText } = item;
  if (!(insertText instanceof vscode.SnippetString)) return;
  if (!insertText.value.includes("$")) item.insertText = insertText.value;
}

const isKey = ({ kind }: vscode.CompletionItem) => kind === vscode.CompletionItemKind.Property;
const labelOf = ({ label }: vscode.CompletionItem) => (typeof label === "string" ? label : label.label);

/** Leaves the value of an image folder empty, to complete existing folders instead of BiaPy's default. */
function withoutDefault(item: vscode.CompletionItem, name: string): void {
  const { insertText } = item;
  const text = insertText instanceof vscode.SnippetString ? insertText.value : (insertText ?? "");
  // If the key has a value, only its name is replaced.
  if (text.startsWith(`${name}:`)) item.insertText = new vscode.SnippetString(`${name}: $0`);
}

/** Sorts the keys of a section. VS Code compares their sort text where two names match equally well. */
function sortKeys(
  items: readonly vscode.CompletionItem[],
  section: string,
  usual: ReadonlySet<string>,
): void {
  const prefix = section === "" ? "" : `${section}.`;
  for (const item of items) {
    const name = labelOf(item);
    item.sortText = keySortText(prefix + name, usual);
    if (IMAGE_FOLDER_KEY.test(prefix + name)) withoutDefault(item, name);
    offerValuesNext(item);
  }
}

/** Sorts the values of the key on a line: those that the selected engine trains first. The others say what they need. */
function sortValues(
  items: readonly vscode.CompletionItem[],
  document: vscode.TextDocument,
  line: number,
): void {
  const text = document.getText();
  const key = keyLines(text).find((each) => each.line === line)?.key;
  if (key === undefined) return;
  const { config } = loadConfig(document.uri.fsPath, text);
  const names = items.map(labelOf);
  const ranks = rankValues(engineOf(document), config, baseFolder(document), key, names);
  for (const [position, item] of items.entries()) {
    asPlainText(item);
    const found = ranks.get(labelOf(item));
    if (found === undefined) continue;
    // Values of one rank stay in the order of the schema.
    item.sortText = `${found.rank}${String(position).padStart(4, "0")}`;
    if (found.note !== undefined) item.label = { label: labelOf(item), description: found.note };
    if (found.reason !== undefined) item.documentation = found.reason;
  }
}

/** The server's item for the default of a list, which has an item that shows the default itself. */
const isNamelessDefault = (item: vscode.CompletionItem) => labelOf(item) === "Default value";

/** Sorts the server's items and completes their documentation. */
function improved(
  items: readonly vscode.CompletionItem[],
  document: vscode.TextDocument,
  { line }: vscode.Position,
  usual: ReadonlySet<string>,
): vscode.CompletionItem[] {
  const kept = items.filter((item) => !isNamelessDefault(item));
  const { text, firstNonWhitespaceCharacterIndex } = document.lineAt(line);
  const width = indentWidth(text.slice(0, firstNonWhitespaceCharacterIndex));
  sortKeys(kept.filter(isKey), sectionAt(document.getText(), line, width), usual);
  sortValues(
    kept.filter((item) => !isKey(item)),
    document,
    line,
  );
  return kept;
}

/** Starts the server; it stops with the extension. */
export async function startYamlClient(context: ExtensionContext): Promise<LanguageClient> {
  const module = context.asAbsolutePath("dist/yaml-server.cjs");
  const schema = vscode.Uri.file(context.asAbsolutePath("schemas/biapy-config.schema.json")).toString();
  const settings = serverSettings(schema);
  const usual = await usualKeys(context.asAbsolutePath("templates"));
  const options: LanguageClientOptions = {
    documentSelector: [{ language: LANGUAGE }],
    middleware: {
      // The server's lens names the schema's file; the lenses of a configuration start its training.
      provideCodeLenses: () => [],
      provideCompletionItem: async (document, position, context, token, next) => {
        const found = await next(document, position, context, token);
        if (found === null || found === undefined) return found;
        if (Array.isArray(found)) return improved(found, document, position, usual);
        found.items = improved(found.items, document, position, usual);
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
