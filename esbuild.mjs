// Bundles the command line, the extension with its language server, and the pages of webviews: `npm run build`.
import { copyFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { thirdPartyNotices } from "./notices.mjs";

/** For the .vsix: less to read when the editor starts, and of source maps those of the trainer, which is debugged. */
const packaged = process.argv.includes("--minify");

/** @type {import("esbuild").BuildOptions} */
const shared = {
  outdir: "dist",
  bundle: true,
  platform: "node",
  target: "node20",
  mainFields: ["module", "main"],
  sourcemap: true,
  metafile: packaged,
  logLevel: "warning",
};

/** The command line, and what the extension loads of it when it needs it, as ES modules that share their parts. */
const modules = build({
  ...shared,
  // The extension looks at images in threads of their own, which share what reads images with the command line.
  entryPoints: {
    cli: "src/cli/main.ts",
    supervisor: "src/engines/supervisor.ts",
    companion: "src/runs/companion.ts",
    "image-check-worker": "src/extension/language/image-check-worker.ts",
    "image-worker": "src/extension/viewer/image-worker.ts",
  },
  outExtension: { ".js": ".mjs" },
  format: "esm",
  // TensorFlow.js as ES modules, so that one copy of it is bundled.
  external: ["koffi", "onnxruntime-node", "node-fetch"],
  splitting: true,
  // The .vsix has the sources themselves.
  sourcesContent: !packaged,
  chunkNames: "[name]-[hash]",
  // Bundled CommonJS packages ask for these.
  banner: {
    js: [
      'import { createRequire as requireFrom } from "node:module";',
      'import { fileURLToPath as pathOf } from "node:url";',
      "const require = requireFrom(import.meta.url);",
      'const __dirname = pathOf(new URL(".", import.meta.url));',
    ].join(" "),
  },
});

/** What the editor's extension host loads, and the language server: CommonJS. */
const extension = build({
  ...shared,
  entryPoints: { extension: "src/extension/extension.ts", "yaml-server": "src/extension/language/server.ts" },
  outExtension: { ".js": ".cjs" },
  format: "cjs",
  // The trainer keeps its names, for the debugger.
  minify: packaged,
  sourcemap: !packaged,
  external: ["vscode"],
});

/** The pages of webviews, each a script and a style sheet. */
const pages = build({
  ...shared,
  entryPoints: { panel: "src/webview/panel/main.ts", viewer: "src/webview/viewer/main.ts" },
  outdir: "dist/webview",
  platform: "browser",
  target: "es2022",
  format: "esm",
  minify: true,
  sourcemap: !packaged,
});

const bundles = await Promise.all([modules, extension, pages]);

// TensorFlow.js's WebAssembly, which the bundle looks for beside itself.
for (const kind of ["", "-simd", "-threaded-simd"]) {
  const file = `tfjs-backend-wasm${kind}.wasm`;
  await copyFile(`node_modules/@tensorflow/tfjs-backend-wasm/dist/${file}`, `dist/${file}`);
}

if (packaged) {
  const unbundled = [
    "@cornerstonejs/codec-libjpeg-turbo-8bit",
    "h5wasm-plugins",
    "@resvg/resvg-wasm", "@tensorflow/tfjs-backend-wasm", "dejavu-fonts-ttf", "koffi", "onnxruntime-node"];
  const metafiles = bundles.map(({ metafile }) => metafile);
  await writeFile("dist/ThirdPartyNotices.txt", await thirdPartyNotices(metafiles, unbundled));
}
