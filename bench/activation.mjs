// What the extension costs when a window opens: loading its code, and activating it. `npm run bench:activation`
// The editor's interface is a stand-in that answers at once: what is measured is our own time on the extension host's thread.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const ROUNDS = 9;

if (process.argv[2] === "once") await activateOnce();
else {
  const rounds = Array.from({ length: ROUNDS }, () =>
    JSON.parse(
      spawnSync(process.execPath, [fileURLToPath(import.meta.url), "once"], { encoding: "utf8" }).stdout,
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

/** Something that can be called, constructed, read and looped over, whatever it is taken for. */
function anything() {
  const names = [
    "workspace",
    "window",
    "languages",
    "commands",
    "debug",
    "tasks",
    "env",
    "extensions",
    "Uri",
    "Range",
    "Position",
  ]
    .concat([
      "ThemeIcon",
      "ThemeColor",
      "EventEmitter",
      "Disposable",
      "TreeItem",
      "CodeLens",
      "Diagnostic",
      "RelativePattern",
    ])
    .concat([
      "TaskGroup",
      "CompletionItem",
      "CodeAction",
      "CodeActionKind",
      "DiagnosticSeverity",
      "StatusBarAlignment",
    ]);
  const known = {
    map: () => [],
    flatMap: () => [],
    filter: () => [],
    forEach: () => {},
    [Symbol.iterator]: [][Symbol.iterator],
  };
  return new Proxy(() => {}, {
    get: (target, name) =>
      name === "then"
        ? undefined
        : name === "prototype"
          ? target.prototype
          : (known[name] ?? (name === Symbol.toPrimitive ? () => "" : anything())),
    apply: () => anything(),
    construct: () => anything(),
    set: () => true,
    ownKeys: (target) => [...Reflect.ownKeys(target), ...names],
    getOwnPropertyDescriptor: (target, name) =>
      Reflect.getOwnPropertyDescriptor(target, name) ?? {
        configurable: true,
        enumerable: true,
        value: anything(),
      },
  });
}
