// Measures the extension's own time when a window opens: loading its code and activating it. `npm run bench:activation`
// A stub stands for VS Code's API and answers at once.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const ROUNDS = 9;

/** Names that the module "vscode" exports. The bundle copies them all when it imports the module. */
const EXPORTS = Array.from(
  readFileSync(join(root, "node_modules/@types/vscode/index.d.ts"), "utf8").matchAll(
    /^\s+export (?:class|enum|namespace|const) (\w+)/gm,
  ),
  ([, name]) => name,
);

if (process.argv[2] === "once") await activateOnce();
else {
  const rounds = Array.from({ length: ROUNDS }, () =>
    JSON.parse(
      spawnSync(process.execPath, [fileURLToPath(import.meta.url), "once"], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "inherit"],
      }).stdout,
    ),
  );
  const median = (name) =>
    rounds
      .map((round) => round[name])
      .sort((a, b) => a - b)
      [ROUNDS >> 1].toFixed(0);
  console.log(
    `load ${median("load")} ms, activate ${median("activate")} ms, both ${median("both")} ms (medians of ${ROUNDS})`,
  );
}

async function activateOnce() {
  const require = createRequire(import.meta.url);
  const Module = require("node:module");
  const load = Module._load;
  const editor = anything();
  Module._load = (request, ...more) => (request === "vscode" ? editor : load(request, ...more));
  const memory = { get: (_key, otherwise) => otherwise, update: async () => {} };
  const context = {
    subscriptions: [],
    extensionPath: root,
    extensionUri: anything(),
    globalStorageUri: { fsPath: root },
    environmentVariableCollection: anything(),
    asAbsolutePath: (path) => root + path,
    workspaceState: memory,
    globalState: memory,
  };
  const start = performance.now();
  const extension = require("../dist/extension.cjs");
  const loaded = performance.now();
  await extension.activate(context);
  const activated = performance.now();
  console.log(
    JSON.stringify({ load: loaded - start, activate: activated - loaded, both: activated - start }),
  );
  process.exit();
}

/** Returns a stub that can be called, constructed, read and iterated. */
function anything() {
  const known = {
    map: () => [],
    flatMap: () => [],
    filter: () => [],
    forEach: () => {},
    [Symbol.iterator]: [][Symbol.iterator],
    [Symbol.toPrimitive]: () => "",
  };
  // A class: a proxy of an arrow function cannot be constructed.
  return new Proxy(class {}, {
    get: (target, name) => {
      // Not a promise.
      if (name === "then") return undefined;
      if (name === "prototype") return target.prototype;
      return known[name] ?? anything();
    },
    apply: () => anything(),
    construct: () => anything(),
    set: () => true,
    ownKeys: (target) => [...new Set([...Reflect.ownKeys(target), ...EXPORTS])],
    getOwnPropertyDescriptor: (target, name) =>
      Reflect.getOwnPropertyDescriptor(target, name) ?? {
        configurable: true,
        enumerable: true,
        value: anything(),
      },
  });
}
