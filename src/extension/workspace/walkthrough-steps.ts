/** Steps of the walkthrough "Train your first model", ticked once they have been done (`completionEvents` in package.json). */
import * as vscode from "vscode";

/** Steps by the id that package.json gives them. */
export type WalkthroughStep = "sample" | "watch" | "configure" | "results" | "engine" | "segment";

/** Marks a step as done: package.json waits for the context key `biapy.done.<step>`. */
export function markDone(step: WalkthroughStep): void {
  void vscode.commands.executeCommand("setContext", `biapy.done.${step}`, true);
}
