import * as vscode from "vscode";

export type Progress = vscode.Progress<{ readonly message?: string; readonly increment?: number }>;

/** Shows a work's progress in a notification while it is done. Its Cancel button aborts the signal. */
export function withCancelableProgress<T>(
  title: string,
  work: (progress: Progress, signal: AbortSignal) => Promise<T>,
): Thenable<T> {
  const location = vscode.ProgressLocation.Notification;
  return vscode.window.withProgress({ location, title, cancellable: true }, (progress, canceled) => {
    const controller = new AbortController();
    canceled.onCancellationRequested(() => controller.abort());
    return work(progress, controller.signal);
  });
}
