import type * as vscode from "vscode";
import type { Engine } from "./engine.ts";

/** The engines that can train, in the order in which they are offered. */
export function enginesOf(_context: vscode.ExtensionContext): readonly Engine[] {
  return [];
}
