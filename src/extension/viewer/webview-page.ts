import { readFileSync } from "node:fs";
import type * as vscode from "vscode";
import { type PageParts, pageHtml } from "./page.ts";

/** A page of the extension, by its bundle's name. */
export type PageName = "panel" | "viewer" | "table";

/** The parts of a page that a webview needs, from the folder where they were built (`dist/webview`). */
export function readPage(folder: string, page: PageName): PageParts {
  const part = (kind: string) => readFileSync(`${folder}/${page}.${kind}`, "utf8");
  return { script: part("js"), style: part("css") };
}

/** Permissions of pages: they run their script and load no files. */
export const PAGE_OPTIONS: vscode.WebviewOptions = { enableScripts: true, localResourceRoots: [] };

/** Fills a webview with one of the pages of the extension. */
export function showPage(
  webview: vscode.Webview,
  context: vscode.ExtensionContext,
  page: PageName,
  title: string,
): void {
  webview.options = PAGE_OPTIONS;
  webview.html = pageHtml(title, readPage(context.asAbsolutePath("dist/webview"), page));
}
