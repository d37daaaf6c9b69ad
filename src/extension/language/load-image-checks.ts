import type { ExtensionContext } from "vscode";
import { ImageChecker } from "./image-checker.ts";

const checkers = new WeakMap<ExtensionContext, ImageChecker>();

/** The thread that inspects images, one for the whole extension. */
export function imageChecks(context: ExtensionContext): ImageChecker {
  const known = checkers.get(context);
  if (known !== undefined) return known;
  const checker = new ImageChecker(context.asAbsolutePath("dist/image-check-worker.mjs"));
  checkers.set(context, checker);
  context.subscriptions.push(checker);
  return checker;
}
