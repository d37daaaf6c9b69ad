import * as vscode from "vscode";
import { keyDescriptions } from "../../config/descriptions.ts";
import { keyFacts } from "../../config/keys.ts";
import { keyProposals } from "./completion-items.ts";
import { insertionOf } from "./key-lines.ts";

const MOVE_KEY = "biapy.moveKey";

/**
 * Offers keys by their full name anywhere and inserts them where they belong, with missing sections. To keep the list of some
 * five hundred small, documentation is resolved only for the selected item, and defaults of the editor are omitted.
 */
export const keyCompletion: vscode.CompletionItemProvider = {
  provideCompletionItems(document, position) {
    const { line, character } = position;
    return keyProposals(document.getText(), line, character).map(({ key, start, lines, rank }) => {
      const item = new vscode.CompletionItem(key, vscode.CompletionItemKind.Property);
      // By default the editor replaces the word at the cursor; a dotted name is several words.
      if (document.lineAt(line).text.slice(start, character).includes("."))
        item.range = new vscode.Range(line, start, line, character);
      // The YAML server's proposals come first.
      item.sortText = `~${rank}`;
      if (lines === undefined) {
        item.detail = "written in its section";
        item.command = { command: MOVE_KEY, title: "Write the key in its section" };
      } else {
        item.insertText = new vscode.SnippetString(`${lines.join("\n")}$0`);
        item.keepWhitespace = true;
        item.command = { command: "editor.action.triggerSuggest", title: "Offer values" };
      }
      return item;
    });
  },
  resolveCompletionItem(item) {
    item.documentation = new vscode.MarkdownString(keyDescriptions.get(String(item.label)));
    return item;
  },
};

/** The command behind completions that belong elsewhere: moves the name before the cursor, as a key, to its section. */
export function registerMoveKey(): vscode.Disposable {
  return vscode.commands.registerTextEditorCommand(MOVE_KEY, async (editor) => {
    const { document, selection } = editor;
    const typed = /[\w.]*$/.exec(document.lineAt(selection.active).text.slice(0, selection.active.character));
    const key = typed?.[0] ?? "";
    if (!keyFacts.has(key)) return;
    const name = new vscode.Range(selection.active.translate(0, -key.length), selection.active);
    await editor.edit((edit) => edit.delete(name), { undoStopBefore: false, undoStopAfter: false });
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
