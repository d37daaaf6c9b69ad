/** Settings `biapy.run` that several commands read. */
import { resolve } from "node:path";
import * as vscode from "vscode";
import { workingDirectory } from "./configuration-file.ts";

/** Returns the value of BiaPy's `--gpu` for new runs: `0`, `0,1` or `cpu`; empty for the engine's default. */
export function gpuSetting(config?: vscode.Uri): string {
  return vscode.workspace.getConfiguration("biapy.run", config).get("gpu", "").trim();
}

/**
 * Returns the folder for a configuration's results, absolute.
 *
 * @param wished a folder that replaces the setting, absolute or relative
 */
export function resultFolder(config: vscode.Uri, wished?: string): string {
  const setting = vscode.workspace.getConfiguration("biapy.run", config).get("resultFolder", "results");
  return resolve(workingDirectory(config), wished ?? setting);
}
