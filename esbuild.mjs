// Bundles the command line, the extension with its language server, and the pages of webviews: `npm run build`.
import { copyFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { BUNDLES, packaged, UNBUNDLED } from "./bundles.mjs";
import { thirdPartyNotices } from "./notices.mjs";

const bundles = await Promise.all(BUNDLES.map((options) => build(options)));

// TensorFlow.js's WebAssembly, which the bundle looks for beside itself.
for (const kind of ["", "-simd", "-threaded-simd"]) {
  const file = `tfjs-backend-wasm${kind}.wasm`;
  await copyFile(`node_modules/@tensorflow/tfjs-backend-wasm/dist/${file}`, `dist/${file}`);
}

if (packaged) {
  const metafiles = bundles.map(({ metafile }) => metafile);
  await writeFile("dist/ThirdPartyNotices.txt", await thirdPartyNotices(metafiles, UNBUNDLED));
}
