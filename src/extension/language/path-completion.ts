/** Completion of folders: after DATA.*.PATH and other keys of image folders, the workspace's folders that hold images. */
import * as vscode from "vscode";
import { baseFolder } from "./documents.ts";
import { keyLines } from "./key-lines.ts";
import { imageChecks } from "./load-image-checks.ts";
import { shortestPath } from "./new-configuration.ts";
import { IMAGE_FOLDER_KEY } from "./problem-fixes.ts";
import { yamlText } from "./yaml-text.ts";

/** Offers folders at the value of a key that names one. */
export function pathCompletion(context: vscode.ExtensionContext): vscode.CompletionItemProvider {
  return {
    async provideCompletionItems(document, position) {
      const found = keyLines(document.getText()).find(({ line }) => line === position.line);
      if (found === undefined || !IMAGE_FOLDER_KEY.test(found.key)) return undefined;
      if (position.character <= found.nameEnd) return undefined;
      const base = baseFolder(document);
      const range = new vscode.Range(
        position.line,
        Math.min(found.valueStart, position.character),
        position.line,
        Math.max(found.valueEnd, position.character),
      );
      return (await imageChecks(context).imageFolders(base)).map(({ path, count }, rank) => {
        const text = shortestPath(path, base);
        const item = new vscode.CompletionItem(text, vscode.CompletionItemKind.Folder);
        item.detail = count === 1 ? "1 image" : `${count} images`;
        item.insertText = yamlText(text);
        item.filterText = document.getText(range) === "" ? text : `${yamlText(text)} ${text}`;
        item.range = range;
        item.sortText = String(rank).padStart(5, "0");
        return item;
      });
    },
  };
}
