import { randomBytes } from "node:crypto";

/** The built parts of a page. */
export interface PageParts {
  /** An ES module. */
  readonly script: string;
  readonly style: string;
}

/**
 * A webview's page: one script and one style sheet with nonces, nothing else. Both are inline, because
 * a webview loads files through a service worker, the window and the extension host, which takes time.
 */
export function pageHtml(title: string, { script, style }: PageParts): string {
  const nonce = randomBytes(18).toString("base64");
  // The toolkit adds a style element with the nonce that it finds in the page. This nonce permits no scripts.
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
