import * as vscode from "vscode";
import { errorMessage } from "../../facts/errors.ts";
import { registerCommand } from "../workspace/commands.ts";
import { LANGUAGE } from "../workspace/recognize.ts";
import { keyCompletion, registerMoveKey } from "./completion.ts";
import { ConfigurationDiagnostics } from "./diagnostics.ts";
import { recognizeConfigurations } from "./documents.ts";
import { imageHover, memoryHover } from "./hover.ts";
import { type KnownAnswers, newConfiguration } from "./new-configuration-command.ts";
import { pathCompletion } from "./path-completion.ts";

/**
 * Registers everything that helps writing a configuration: completion, hover, diagnostics, quick fixes, `biapy.newConfiguration`.
 * The YAML server starts in the background.
 */
export async function activateLanguage(context: vscode.ExtensionContext): Promise<void> {
  context.subscriptions.push(
    recognizeConfigurations(),
    new ConfigurationDiagnostics(context),
    vscode.languages.registerCompletionItemProvider({ language: LANGUAGE }, keyCompletion, "."),
    vscode.languages.registerCompletionItemProvider(
      { language: LANGUAGE },
      pathCompletion(context),
      "/",
      " ",
    ),
    vscode.languages.registerHoverProvider({ language: LANGUAGE }, memoryHover),
    vscode.languages.registerHoverProvider({ language: LANGUAGE }, imageHover(context)),
    registerMoveKey(),
    registerCommand("biapy.newConfiguration", (known) =>
      // A menu of the explorer sends the clicked file.
      newConfiguration(context, known instanceof vscode.Uri ? {} : (known as KnownAnswers | undefined)),
    ),
  );
  void startServer(context);
}

/** Loads the server's code last, so that activation does not wait for it. */
async function startServer(context: vscode.ExtensionContext): Promise<void> {
  try {
    const { startYamlClient } = await import("./client.ts");
    await startYamlClient(context);
  } catch (error) {
    const reason = errorMessage(error);
    void vscode.window.showErrorMessage(`BiaPy: completion and hover did not start (${reason}).`);
  }
}
