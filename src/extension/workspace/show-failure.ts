import * as vscode from "vscode";
import { errorMessage } from "../../facts/errors.ts";

/** Shows an error to the user. For work that no command waits for, whose errors would otherwise be lost. */
export function showFailure(error: unknown): void {
  void vscode.window.showErrorMessage(`BiaPy: ${errorMessage(error)}`);
}
