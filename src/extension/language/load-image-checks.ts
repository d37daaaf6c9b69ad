import { pathToFileURL } from "node:url";
import type { ExtensionContext } from "vscode";

/** The bundle that opens images, loaded when it is first needed. */
export async function imageChecks(context: ExtensionContext): Promise<typeof import("./image-checks.ts")> {
  return import(pathToFileURL(context.asAbsolutePath("dist/image-checks.mjs")).toString());
}
