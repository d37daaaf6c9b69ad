import { resolve } from "node:path";
import * as vscode from "vscode";
import { IMAGE_PATHS } from "../../config/basics.ts";
import { loadConfig } from "../../config/config.ts";
import { describeMemory, estimateMemory } from "../../config/memory-estimate.ts";
import { isNetworkPath } from "../../facts/files/network-path.ts";
import { baseFolder } from "./documents.ts";
import { keyLines } from "./key-lines.ts";
import { imageChecks } from "./load-image-checks.ts";

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

/** Describes a folder's images when its key is hovered over. */
export const imageHover = (context: vscode.ExtensionContext): vscode.HoverProvider => ({
  async provideHover(document, position) {
    const text = document.getText();
    const line = keyLines(text).find((each) => each.line === position.line);
    const key = IMAGE_PATHS.find((path) => path === line?.key);
    if (key === undefined || document.uri.scheme !== "file") return undefined;
    const { config } = loadConfig(document.uri.fsPath, text);
    const folder = config.text(key);
    if (folder === "" || (isNetworkPath(folder) && !vscode.workspace.isTrusted)) return undefined;
    const summary = await imageChecks(context).summary(resolve(baseFolder(document), folder));
    return new vscode.Hover(new vscode.MarkdownString(summary));
  },
});
