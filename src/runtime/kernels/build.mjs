// Compiles optimizer.as to WebAssembly and writes it as a module: `npm run kernels`.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const { error, stderr, binary } = await asc.compileString(readFileSync(here("optimizer.as"), "utf8"), {
  optimizeLevel: 3,
  shrinkLevel: 0,
  noAssert: true,
  runtime: "stub",
  importMemory: true,
  sharedMemory: true,
  initialMemory: 1,
  maximumMemory: 65536,
  enable: ["simd", "threads", "bulk-memory"],
});
if (error) throw new Error(`${stderr.toString()}\n${error.message}`);
writeFileSync(
  here("optimizer-module.ts"),
  `// Generated from optimizer.as by \`npm run kernels\`.
const BASE64 =
  "${Buffer.from(binary).toString("base64")}";

/** The optimizer's kernels, as the bytes of a WebAssembly module. */
export function optimizerModule(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(BASE64, "base64"));
}
`,
);
