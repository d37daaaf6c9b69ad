// TensorFlow.js is six hundred modules: resolving them one by one takes each test process three seconds. `node test/run.mjs` bundles
// them once, into one copy that all of these names share; test/register.mjs takes it where it is there.
import { existsSync, readFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const MODULES = {
  core: "@tensorflow/tfjs-core",
  ops: "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js",
  gradients: "@tensorflow/tfjs-core/dist/register_all_gradients.js",
  cpu: "@tensorflow/tfjs-backend-cpu",
  wasm: "@tensorflow/tfjs-backend-wasm",
};

/** Not the working directory: trainers that tests start have others. */
const packages = fileURLToPath(new URL("../node_modules/", import.meta.url));
const { version } = JSON.parse(readFileSync(join(packages, "@tensorflow/tfjs-core/package.json"), "utf8"));
const folder = join(packages, ".cache", `biapy-studio-tfjs-${version}`);

/** The bundles' addresses by the names that are imported; none where they were not made. */
export const tensorflowBundles = existsSync(folder)
  ? Object.fromEntries(
      Object.entries(MODULES).map(([name, specifier]) => [
        specifier,
        pathToFileURL(join(folder, `${name}.mjs`)).href,
      ]),
    )
  : {};

/** Makes the bundles where there are none of this version. */
export async function bundleTensorflow() {
  if (existsSync(folder)) return;
  const { build } = await import("esbuild");
  const { COMMONJS_GLOBALS } = await import("../bundles.mjs");
  const temporary = `${folder}.${process.pid}`;
  await build({
    entryPoints: MODULES,
    outdir: temporary,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    target: "node20",
    format: "esm",
    mainFields: ["module", "main"],
    external: ["node-fetch"],
    logLevel: "error",
    banner: { js: COMMONJS_GLOBALS },
  });
  // Another process may have been first.
  await rename(temporary, folder).catch(() => rm(temporary, { recursive: true }));
}
