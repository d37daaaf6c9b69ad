import { build } from "esbuild";

/** Bundles a TypeScript program for Node.js. Native packages are not included. */
export async function bundleFile(entry, outfile) {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    mainFields: ["module", "main"],
    external: ["koffi", "onnxruntime-node", "node-fetch"],
    logLevel: "error",
    banner: {
      js: 'import { createRequire as _cr } from "node:module"; const require = _cr(import.meta.url);',
    },
  });
}
