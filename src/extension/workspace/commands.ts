/** Registering and running this extension's own commands: a misspelled id does not compile. */
import * as vscode from "vscode";
import type { CommandId } from "./command-ids.ts";

/** Runs one of this extension's commands. */
export function runCommand(id: CommandId, ...args: readonly unknown[]): Thenable<unknown> {
  return vscode.commands.executeCommand(id, ...args);
}

/** Registers what one of this extension's commands does. */
export function registerCommand(id: CommandId, run: (...args: unknown[]) => unknown): vscode.Disposable {
  return vscode.commands.registerCommand(id, run);
}
