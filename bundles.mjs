// Options of esbuild for the bundles of `npm run build` and of the packaged extension.

/** Whether to bundle for the .vsix: minified, with source maps only for the trainer, which users debug. */
export const packaged = process.argv.includes("--minify");

/** Defines the globals of CommonJS in an ES module, for the CommonJS packages bundled into it. */
export const COMMONJS_GLOBALS = [
  'import { createRequire as requireFrom } from "node:module";',
  'import { fileURLToPath as pathOf } from "node:url";',
  "const require = requireFrom(import.meta.url);",
  'const __dirname = pathOf(new URL(".", import.meta.url));',
].join(" ");

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

/** The command line and the extension's lazily loaded parts, as ES modules that share chunks. */
export const MODULES = {
  ...shared,
  // The extension's image workers share the image readers with the command line.
  entryPoints: {
    cli: "src/cli/start.ts",
    supervisor: "src/engines/supervisor.ts",
    companion: "src/runs/companion.ts",
    "image-check-worker": "src/extension/language/image-check-worker.ts",
    "image-worker": "src/extension/viewer/image-worker.ts",
    "chart-worker": "src/results/chart-worker.ts",
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
  banner: { js: COMMONJS_GLOBALS },
};

/** The extension and the language server, as CommonJS. */
const extension = {
  ...shared,
  entryPoints: { extension: "src/extension/extension.ts", "yaml-server": "src/extension/language/server.ts" },
  outExtension: { ".js": ".cjs" },
  format: "cjs",
  // The trainer is not minified, so that it can be debugged.
  minify: packaged,
  sourcemap: !packaged,
  external: ["vscode"],
  // Shared code locates packages by import.meta.url, which CommonJS lacks.
  define: { "import.meta.url": "fileUrl" },
  banner: { js: 'const fileUrl = require("node:url").pathToFileURL(__filename).href;' },
};

/** The webviews' pages: a script and a style sheet each. */
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
export const BUNDLES = [MODULES, extension, pages];

/** Packages that are shipped unbundled. */
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
