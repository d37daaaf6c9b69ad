import * as vscode from "vscode";
import { loadConfig } from "../../config/config.ts";
import { describeMemory, estimateMemory } from "../../config/memory-estimate.ts";
import { keyLines } from "./key-lines.ts";

/** Keys whose hover says how much memory a training takes. */
const KEYS = ["DATA.PATCH_SIZE", "TRAIN.BATCH_SIZE"];

/** Estimates a training's memory where the patch or batch size is hovered over; the YAML server explains the key. */
export const memoryHover: vscode.HoverProvider = {
  provideHover(document, position) {
    const text = document.getText();
    const found = keyLines(text).find(({ line, key }) => line === position.line && KEYS.includes(key));
    if (found === undefined) return undefined;
    const { config } = loadConfig(document.uri.fsPath, text);
    const estimate = estimateMemory(config);
    if (estimate === undefined) return undefined;
    const range = new vscode.Range(
      found.line,
      found.indent,
      found.line,
      Math.max(found.nameEnd, found.valueEnd),
    );
    const markdown = describeMemory(estimate, config.number("TRAIN.BATCH_SIZE"));
    return new vscode.Hover(new vscode.MarkdownString(markdown), range);
  },
};
