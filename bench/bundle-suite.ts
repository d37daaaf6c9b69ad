import { resolve } from "node:path";
import { build } from "esbuild";

/** Bundles what the extension host of VS Code is to run, `bench/<name>.ts`; gives the path of the suite, as VS Code takes it. */
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
