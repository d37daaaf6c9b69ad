// Lets tests start worker threads from TypeScript: tsx leaves threads out, so the thread's file is bundled without its packages.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import threads from "node:worker_threads";
import { buildSync } from "esbuild";

const cache = join(import.meta.dirname, "../node_modules/.cache/biapy-studio-workers");

function bundled(script) {
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(script)],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    packages: "external",
  });
  const [{ contents }] = outputFiles;
  const file = join(cache, `${createHash("sha256").update(contents).digest("hex").slice(0, 16)}.mjs`);
  if (!existsSync(file)) {
    mkdirSync(cache, { recursive: true });
    writeFileSync(`${file}.${process.pid}`, contents);
    renameSync(`${file}.${process.pid}`, file);
  }
  return pathToFileURL(file);
}

/** Starts TypeScript files too. */
export class Worker extends threads.Worker {
  constructor(script, options) {
    const isTypescript = script instanceof URL && script.pathname.endsWith(".ts");
    if (isTypescript) super(bundled(script), { ...options, execArgv: [] });
    else super(script, options);
  }
}
