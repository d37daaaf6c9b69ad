/** Bundles the suite for the extension host of VS Code. */
import { readdirSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Bundles the suite. Returns its path, as VS Code takes it. */
export async function buildSuite(): Promise<string> {
  const here = dirname(fileURLToPath(import.meta.url));
  const outdir = resolve(here, "../../.test-output/electron");
  rmSync(outdir, { recursive: true, force: true });
  const names = readdirSync(here).filter((name) => name === "index.ts" || name.endsWith(".suite.ts"));
  await build({
    entryPoints: names.map((name) => resolve(here, name)),
    outdir,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    format: "cjs",
    sourcemap: "inline",
    external: ["vscode", "mocha"],
  });
  return resolve(outdir, "index.cjs");
}
