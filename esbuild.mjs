// Bundles the command line: `npm run build`.
import { copyFile } from "node:fs/promises";
import { build } from "esbuild";

await build({
  // The extension loads the checks of images when it needs them; they share what reads images with the command line.
  entryPoints: { cli: "src/cli/main.ts", "image-checks": "src/extension/language/image-checks.ts" },
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
  // Bundled CommonJS packages ask for these.
  banner: {
    js: [
      'import { createRequire as requireFrom } from "node:module";',
      'import { fileURLToPath as pathOf } from "node:url";',
      "const require = requireFrom(import.meta.url);",
      'const __dirname = pathOf(new URL(".", import.meta.url));',
    ].join(" "),
  },
  logLevel: "warning",
});

// TensorFlow.js's WebAssembly, which the bundle looks for beside itself.
for (const kind of ["", "-simd", "-threaded-simd"]) {
  const file = `tfjs-backend-wasm${kind}.wasm`;
  await copyFile(`node_modules/@tensorflow/tfjs-backend-wasm/dist/${file}`, `dist/${file}`);
}
