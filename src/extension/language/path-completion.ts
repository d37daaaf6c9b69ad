/** Completion of folders: after DATA.*.PATH and other keys of image folders, the workspace's folders that hold images. */
import * as vscode from "vscode";
import { holdsCopies } from "../../facts/degraded-copies.ts";
import { counted } from "../../facts/format.ts";
import { baseFolder } from "./documents.ts";
import { isMaskFolder } from "./folder-content.ts";
import { type KeyLine, keyLines } from "./key-lines.ts";
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
      const place = valuePlace(document.lineAt(position.line).text, found, position.character);
      if (place === undefined) return undefined;
      const base = baseFolder(document);
      const range = new vscode.Range(position.line, place.start, position.line, place.end);
      const all = await imageChecks(context).imageFolders(base);
      const copies = found.key.endsWith("SSL_SOURCE_DIR");
      const folders = all.filter(({ path }) => copies || !holdsCopies(path));
      return folders.map(({ path, count }, position) => {
        const text = shortestPath(path, base);
        const item = new vscode.CompletionItem(text, vscode.CompletionItemKind.Folder);
        item.detail = counted(count, "image");
        item.insertText = place.before + yamlText(text) + place.after;
        item.filterText = document.getText(range) === "" ? text : `${yamlText(text)} ${text}`;
        item.range = range;
        // Before what the YAML server offers, the default.
        item.sortText = `!${unlikeness(text, found.key)}${String(position).padStart(5, "0")}`;
        return item;
      });
    },
  };
}

/** Where a value goes, and the spaces that it needs around it. */
interface ValuePlace {
  readonly start: number;
  readonly end: number;
  readonly before: string;
  readonly after: string;
}

/** The columns of a key's value at the cursor; undefined in the key's name and in a comment. */
function valuePlace(
  line: string,
  { nameEnd, valueStart, valueEnd }: KeyLine,
  cursor: number,
): ValuePlace | undefined {
  const empty = valueStart === valueEnd;
  const start = empty ? cursor : Math.min(valueStart, cursor);
  const end = Math.max(valueEnd, cursor);
  if (cursor <= nameEnd || line.slice(valueEnd, cursor).trim() !== "") return undefined;
  return {
    start,
    end,
    before: line.charAt(start - 1) === ":" ? " " : "",
    after: line.charAt(end) === "#" ? " " : "",
  };
}

const PHASES = [
  ["TRAIN", /train/i],
  ["VAL", /val/i],
  ["TEST", /test/i],
] as const;

/** How poorly a folder's name fits a key, from 0: `test-masks` is for `DATA.TEST.GT_PATH`. */
function unlikeness(folder: string, key: string): number {
  const wrongKind = isMaskFolder(folder) !== key.endsWith("GT_PATH");
  const phase = PHASES.find(([name]) => key.includes(`.${name}.`));
  return (wrongKind ? 2 : 0) + (phase?.[1].test(folder) === true ? 0 : 1);
}
