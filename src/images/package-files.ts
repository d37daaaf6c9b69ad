/** Finds and loads files of packages that are shipped unbundled: WebAssembly and the code that belongs to it. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

export const packageFiles = createRequire(import.meta.url);

/**
 * Loads a library that Emscripten compiled to WebAssembly. It prints nothing.
 *
 * @param script the package's file that makes the library
 * @param wasm the package's file with the WebAssembly
 */
export async function loadWasmLibrary<T>(script: string, wasm: string): Promise<T> {
  const make = packageFiles(script) as (options: object) => Promise<T>;
  const wasmBinary = await readFile(packageFiles.resolve(wasm));
  return make({ wasmBinary, print: () => {}, printErr: () => {} });
}
