import * as vscode from "vscode";

/** Shortest pause between two looks. */
const PAUSE_MS = 5000;
/** A pause takes at least this many times as long as the look before it, which is slow on a network drive. */
const PAUSES_PER_LOOK = 20;

/**
 * Calls `look` when a view becomes visible and every few seconds while it stays visible, until the result is disposed of.
 *
 * @param look resolves when it is done; it must not reject
 */
export function lookWhileVisible(
  view: Pick<vscode.TreeView<unknown>, "visible" | "onDidChangeVisibility">,
  look: () => Promise<void>,
): vscode.Disposable {
  let timer: NodeJS.Timeout | undefined;
  let isLooking = false;
  let isDisposed = false;
  const lookIn = (pause: number) => {
    clearTimeout(timer);
    if (!isDisposed) timer = setTimeout(lookNow, pause);
  };
  const lookNow = async () => {
    if (isLooking || !view.visible) return;
    isLooking = true;
    const started = performance.now();
    await look();
    isLooking = false;
    lookIn(Math.max(PAUSE_MS, PAUSES_PER_LOOK * (performance.now() - started)));
  };
  lookIn(PAUSE_MS);
  const subscription = view.onDidChangeVisibility(() => lookIn(0));
  return new vscode.Disposable(() => {
    isDisposed = true;
    clearTimeout(timer);
    subscription.dispose();
  });
}
