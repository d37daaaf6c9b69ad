// Lets tests start worker threads from TypeScript. tsx does not reach threads, so the thread's file is bundled without its packages,
// together with the other threads of its folder, which it may start itself.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import threads from "node:worker_threads";
import { buildSync } from "esbuild";

const cache = join(import.meta.dirname, "../node_modules/.cache/biapy-studio-workers");

function bundled(script) {
  const file = fileURLToPath(script);
  const folder = dirname(file);
  const threadFiles = readdirSync(folder).filter((name) => name.endsWith("-worker.ts"));
  const { outputFiles } = buildSync({
    entryPoints: [...new Set([file, ...threadFiles.map((name) => join(folder, name))])],
    bundle: true,
    write: false,
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    platform: "node",
    format: "esm",
    packages: "external",
  });
  const hash = createHash("sha256");
  for (const { contents } of outputFiles) hash.update(contents);
  const written = join(cache, hash.digest("hex").slice(0, 16));
  mkdirSync(written, { recursive: true });
  for (const { path, contents } of outputFiles) write(join(written, basename(path)), contents);
  return pathToFileURL(join(written, basename(file).replace(/\.ts$/, ".mjs")));
}

/** Writes a file that other processes may write at the same time. */
function write(file, contents) {
  if (existsSync(file)) return;
  writeFileSync(`${file}.${process.pid}`, contents);
  renameSync(`${file}.${process.pid}`, file);
}

/** Starts TypeScript files too. */
export class Worker extends threads.Worker {
  constructor(script, options) {
    const isTypescript = script instanceof URL && script.pathname.endsWith(".ts");
    if (isTypescript) super(bundled(script), { ...options, execArgv: [] });
    else super(script, options);
  }
}
