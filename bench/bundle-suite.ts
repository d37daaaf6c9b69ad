import { resolve } from "node:path";
import { build } from "esbuild";

/** Bundles `bench/<name>.ts` for VS Code's extension host and returns the path of the bundle. */
export async function bundleSuite(name: string): Promise<string> {
  const outfile = resolve(".test-output", name, "index.cjs");
  await build({
    entryPoints: [`bench/${name}.ts`],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    external: ["vscode"],
  });
  return outfile;
}
