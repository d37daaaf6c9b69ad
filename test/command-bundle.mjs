// The command line's sources are hundreds of modules: compiling and resolving them takes each process that tests start two seconds.
// `node test/run.mjs` bundles them once.
import { join } from "node:path";
import { build } from "esbuild";
import { MODULES } from "../bundles.mjs";

/** Bundles the command line and its threads into a folder. Returns the script that runs it. */
export async function bundleCommand(folder) {
  // Not the process that starts the program and explains its end: tests stop and kill the program itself.
  await build({
    ...MODULES,
    entryPoints: { ...MODULES.entryPoints, cli: "src/cli/main.ts" },
    outdir: folder,
  });
  return join(folder, "cli.mjs");
}
