/** Read-only documents of BiaPy: Inspect Images. An untitled document would ask to be saved when it is closed. */
import * as vscode from "vscode";

const SCHEME = "biapy-inspection";

/** The texts by the query of their address. VS Code asks for them again when a tab is shown again. */
const texts = new Map<string, string>();

/** Registers the provider of the documents. */
export function provideInspections(): vscode.Disposable {
  return vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
    provideTextDocumentContent: ({ query }) =>
      texts.get(query) ?? "The window was reloaded. Run BiaPy: Inspect Images again.\n",
  });
}

/** Shows a text. @param title the title of its tab */
export async function showInspection(title: string, text: string): Promise<void> {
  const query = String(texts.size + 1);
  texts.set(query, text);
  const document = await vscode.workspace.openTextDocument(
    vscode.Uri.from({ scheme: SCHEME, path: title, query }),
  );
  await vscode.window.showTextDocument(document, { preview: true });
}
