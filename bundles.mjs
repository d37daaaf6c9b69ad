// What esbuild makes of the sources: the bundles of `npm run build` and of the packaged extension.

/** For the .vsix: less to read when the editor starts, and of source maps those of the trainer, which is debugged. */
export const packaged = process.argv.includes("--minify");

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
const modules = {
  ...shared,
  // The extension looks at images in threads of their own, which share what reads images with the command line.
  entryPoints: {
    cli: "src/cli/main.ts",
    supervisor: "src/engines/supervisor.ts",
    companion: "src/runs/companion.ts",
    "image-check-worker": "src/extension/language/image-check-worker.ts",
    "image-worker": "src/extension/viewer/image-worker.ts",
    "hdf5-worker": "src/images/hdf5-worker.ts",
    "inspection-worker": "src/images/inspection-worker.ts",
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
};

/** What the editor's extension host loads, and the language server: CommonJS. */
const extension = {
  ...shared,
  entryPoints: { extension: "src/extension/extension.ts", "yaml-server": "src/extension/language/server.ts" },
  outExtension: { ".js": ".cjs" },
  format: "cjs",
  // The trainer keeps its names, for the debugger.
  minify: packaged,
  sourcemap: !packaged,
  external: ["vscode"],
  // What images share with the command line finds packages beside its own file; CommonJS has no import.meta.
  define: { "import.meta.url": "fileUrl" },
  banner: { js: 'const fileUrl = require("node:url").pathToFileURL(__filename).href;' },
};

/** The pages of webviews, each a script and a style sheet. */
const pages = {
  ...shared,
  entryPoints: {
    panel: "src/webview/panel/main.ts",
    viewer: "src/webview/viewer/main.ts",
    table: "src/webview/table/main.ts",
  },
  outdir: "dist/webview",
  platform: "browser",
  mainFields: ["browser", "module", "main"],
  target: "es2022",
  format: "esm",
  minify: true,
  sourcemap: !packaged,
};

/** Options of all bundles. */
export const BUNDLES = [modules, extension, pages];

/** Packages whose files are shipped as they are. */
export const UNBUNDLED = [
  "@cornerstonejs/codec-libjpeg-turbo-8bit",
  "@cornerstonejs/codec-openjpeg",
  "@jsquash/webp",
  "lerc",
  "h5wasm-plugins",
  "@resvg/resvg-wasm",
  "@tensorflow/tfjs-backend-wasm",
  "@fontsource/inter",
  "koffi",
  "onnxruntime-node",
];
