// Bundles the command line: `npm run build`.
import { build } from "esbuild";

await build({
  entryPoints: { cli: "src/cli/main.ts" },
  outdir: "dist",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  // TensorFlow.js as ES modules, so that one copy of it is bundled.
  mainFields: ["module", "main"],
  external: ["koffi", "onnxruntime-node", "node-fetch"],
  splitting: true,
  chunkNames: "[name]-[hash]",
  sourcemap: true,
  // Bundled CommonJS packages ask for `require`.
  banner: { js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);' },
  logLevel: "warning",
});
