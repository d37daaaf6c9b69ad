import { build } from "esbuild";

/** Builds a program that runs in a process of its own, such as the supervisor, from its source in `src`. */
export async function bundleProcess(source: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "error",
  });
}
