import { randomBytes } from "node:crypto";

/** What a page consists of, as it was built. */
export interface PageParts {
  /** An ES module. */
  readonly script: string;
  readonly style: string;
}

/**
 * A webview's page: one script and one style sheet, run by their nonces, and nothing from anywhere else. They stand in the page
 * itself: a webview loads files by way of a service worker, the window and the extension host, which a person would wait for.
 */
export function pageHtml(title: string, { script, style }: PageParts): string {
  const nonce = randomBytes(18).toString("base64");
  // The toolkit adds a style element of its own, with the nonce that it finds in the page. It is of no use for scripts.
  const styleNonce = randomBytes(18).toString("base64");
  const policy = [
    "default-src 'none'",
    `style-src 'nonce-${styleNonce}'`,
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
  <style nonce="${styleNonce}">${style}</style>
</head>
<body>
  <main id="page"></main>
  <script type="module" nonce="${nonce}">${script}</script>
</body>
</html>`;
}
