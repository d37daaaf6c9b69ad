/** Links to this extension's commands. They need no VS Code at run time, so that engines can be tested without one. */
import type { Command } from "vscode";
import type { CommandId } from "./command-ids.ts";

/** Returns a link to one of this extension's commands: what a tree item, a code lens or a status bar item runs. */
export function commandLink(id: CommandId, title: string, ...args: readonly unknown[]): Command {
  return { command: id, title, arguments: [...args] };
}
