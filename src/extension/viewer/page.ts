import { randomBytes } from "node:crypto";

/** Where a page's files are, as the webview addresses them. */
export interface PageFiles {
  /** `webview.cspSource` */
  readonly source: string;
  readonly script: string;
  readonly style: string;
}

/** A webview's page: one script, run by its nonce, one style sheet, and nothing from anywhere else. */
export function pageHtml(title: string, { source, script, style }: PageFiles): string {
  const nonce = randomBytes(18).toString("base64");
  // The toolkit adds a style element of its own, with the nonce that it finds in the page. It is of no use for scripts.
  const styleNonce = randomBytes(18).toString("base64");
  const policy = [
    "default-src 'none'",
    `img-src ${source} data:`,
    `style-src ${source} 'nonce-${styleNonce}'`,
    // The toolkit's dropdown has a style attribute in its template.
    "style-src-attr 'unsafe-inline'",
    `font-src ${source}`,
    `script-src 'nonce-${nonce}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy" content="${policy}">
  <meta property="csp-nonce" content="${styleNonce}">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${title}</title>
  <link rel="stylesheet" href="${style}">
</head>
<body>
  <main id="page"></main>
  <script type="module" nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}
