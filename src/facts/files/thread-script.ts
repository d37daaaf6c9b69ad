/** Files of threads: TypeScript sources in tests, bundles otherwise. */

/** Returns the file of a thread beside the module that starts it. */
export function threadScript(name: string, beside: string): URL {
  return new URL(`./${name}.${beside.endsWith(".ts") ? "ts" : "mjs"}`, beside);
}

/** Returns a thread's arguments of Node.js: a bundle needs none of the loaders that this process may have been started with. */
export function threadArguments(script: URL): { readonly execArgv?: string[] } {
  return script.pathname.endsWith(".mjs") ? { execArgv: [] } : {};
}
