// Lets Node.js 22 run the tests in Windows: `--import ./test/windows/register.mjs`, with --experimental-transform-types.
// The compiled esbuild does not run under Wine: its form in WebAssembly takes its place.
import { register } from "node:module";

const esbuild = new URL("machine/node_modules/esbuild-wasm/lib/main.js", import.meta.url).href;
register(
  `data:text/javascript,${encodeURIComponent(`
  export const resolve = (specifier, context, next) =>
    specifier === "esbuild" ? { url: ${JSON.stringify(esbuild)}, shortCircuit: true } : next(specifier, context);
`)}`,
);
