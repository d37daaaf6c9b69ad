import * as vscode from "vscode";
import { embeddedEngine } from "./embedded.ts";
import type { Engine } from "./engine.ts";

const setting = (name: string) => vscode.workspace.getConfiguration("biapy").get<string>(name, "");

/** The engines that can train, in the order in which they are offered. */
export function enginesOf(context: vscode.ExtensionContext): readonly Engine[] {
  return [embeddedEngine(context.asAbsolutePath("dist/cli.mjs"), () => setting("run.nodePath"))];
}

/** The engine that the settings select; the embedded one where they name none that there is. */
export function selectedEngine(engines: readonly Engine[]): Engine {
  return engines.find(({ id }) => id === setting("engine")) ?? engines[0];
}
