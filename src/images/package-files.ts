import { createRequire } from "node:module";

/** Finds and loads files of packages that are shipped unbundled: WebAssembly and the code that belongs to it. */
export const packageFiles = createRequire(import.meta.url);
