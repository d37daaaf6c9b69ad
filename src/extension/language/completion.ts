import * as vscode from "vscode";
import { keyDescriptions } from "../../config/descriptions.ts";
import { keyProposals } from "./completion-items.ts";
import { insertionOf } from "./key-lines.ts";

const INSERT_KEY = "biapy.insertKey";

/** Offers keys by their full name at any place and writes them, with the sections they lack, where they belong. */
export const keyCompletion: vscode.CompletionItemProvider = {
  provideCompletionItems(document, position) {
    return keyProposals(document.getText(), position.line, position.character).map(
      ({ key, start, lines, rank }) => {
        const item = new vscode.CompletionItem(key, vscode.CompletionItemKind.Property);
        item.range = new vscode.Range(position.line, start, position.line, position.character);
        item.filterText = key;
        // The YAML server's own proposals come first.
        item.sortText = `~${rank}${key}`;
        item.documentation = new vscode.MarkdownString(keyDescriptions.get(key));
        item.detail = lines === undefined ? "written in its section" : undefined;
        if (lines === undefined) {
          item.insertText = "";
          item.command = { command: INSERT_KEY, title: "Write the key in its section", arguments: [key] };
        } else {
          item.insertText = new vscode.SnippetString(`${lines.join("\n")}$0`);
          item.keepWhitespace = true;
          item.command = { command: "editor.action.triggerSuggest", title: "Offer values" };
        }
        return item;
      },
    );
  },
};

/** The command behind completions that belong elsewhere: writes the key in its section and puts the cursor behind it. */
export function registerInsertKey(): vscode.Disposable {
  return vscode.commands.registerTextEditorCommand(INSERT_KEY, async (editor, _edit, key: string) => {
    const { document } = editor;
    // The line that the name was typed on is left blank by the completion.
    const { afterLine, lines } = insertionOf(document.getText(), key, "");
    const { end } = document.lineAt(Math.max(afterLine, 0)).range;
    const snippet = new vscode.SnippetString(`${afterLine < 0 ? "" : "\n"}${lines.join("\n")}$0`);
    await editor.insertSnippet(snippet, end, {
      undoStopBefore: false,
      undoStopAfter: true,
      keepWhitespace: true,
    });
    editor.revealRange(editor.selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    await vscode.commands.executeCommand("editor.action.triggerSuggest");
  });
}
