import * as vscode from "vscode";
import { pageHtml } from "./page.ts";

/** Fills a webview with one of the pages under `dist/webview`. */
export function showPage(
  webview: vscode.Webview,
  extension: vscode.Uri,
  page: "panel" | "viewer",
  title: string,
): void {
  const folder = vscode.Uri.joinPath(extension, "dist", "webview");
  const address = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(folder, name)).toString();
  webview.options = { enableScripts: true, localResourceRoots: [folder] };
  webview.html = pageHtml(title, {
    source: webview.cspSource,
    script: address(`${page}.js`),
    style: address(`${page}.css`),
  });
}
