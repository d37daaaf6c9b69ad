// Lets Node run the TypeScript sources directly: `node --import ./test/register.mjs FILE.ts`.
// tsx does the TypeScript; TensorFlow.js's ES modules import folders and files without extension, as bundlers allow.
import { register, syncBuiltinESMExports } from "node:module";
import threads from "node:worker_threads";
import "tsx";
import { tensorflowBundles } from "./tensorflow-bundle.mjs";
import { Worker } from "./typescript-worker.mjs";

// VS Code provides the module `vscode`; tests without an editor have a stand-in.
const replaced = { ...tensorflowBundles, vscode: new URL("support/fake-vscode.ts", import.meta.url).href };

const resolveLikeABundler = `
  const replaced = ${JSON.stringify(replaced)};
  export async function resolve(specifier, context, next) {
    if (Object.hasOwn(replaced, specifier)) return { url: replaced[specifier], format: "module", shortCircuit: true };
    if (!specifier.startsWith(".") || !context.parentURL?.includes("/@tensorflow/")) return next(specifier, context);
    for (const candidate of [specifier, specifier + ".js", specifier + "/index.js"]) {
      try { return await next(candidate, context); } catch (error) {
        if (!["ERR_MODULE_NOT_FOUND", "ERR_UNSUPPORTED_DIR_IMPORT"].includes(error.code)) throw error;
      }
    }
    return next(specifier, context);
  }`;
register(`data:text/javascript,${encodeURIComponent(resolveLikeABundler)}`);

threads.Worker = Worker;
syncBuiltinESMExports();
