import * as vscode from "vscode";
import { startYamlClient } from "./client.ts";
import { keyCompletion, registerInsertKey } from "./completion.ts";
import { ConfigurationDiagnostics } from "./diagnostics.ts";
import { recogniseConfigurations } from "./documents.ts";
import { memoryHover } from "./hover.ts";
import { newConfiguration } from "./new-configuration-command.ts";
import { LANGUAGE } from "./recognise.ts";

/** Registers everything that helps writing a configuration: completion, hover, diagnostics, quick fixes, `biapy.newConfiguration`. */
export async function activateLanguage(context: vscode.ExtensionContext): Promise<void> {
  context.subscriptions.push(
    recogniseConfigurations(),
    new ConfigurationDiagnostics(),
    vscode.languages.registerCompletionItemProvider({ language: LANGUAGE }, keyCompletion, "."),
    vscode.languages.registerHoverProvider({ language: LANGUAGE }, memoryHover),
    registerInsertKey(),
    vscode.commands.registerCommand("biapy.newConfiguration", () => newConfiguration(context)),
  );
  await startYamlClient(context);
}
