/**
 * The walls between the folders of src, checked by `npm run check`: a folder imports only folders below it, and no file imports
 * itself in a circle. Types count as imports. docs/architecture.md draws the folders; the compiler (tsconfig/) checks what each
 * part may know of Node, of VS Code and of the browser.
 */

/** Folders of src by the folders that they may import. */
const BELOW = {
  facts: [],
  // Engine: Node only.
  install: ["facts"],
  config: ["facts"],
  images: ["facts"],
  checkpoint: ["facts"],
  results: ["facts"],
  runtime: ["facts", "install"],
  models: ["facts", "runtime"],
  data: ["facts", "images"],
  training: ["facts", "runtime", "data"],
  workflow: [
    ...["facts", "install", "config", "images", "checkpoint", "results"],
    ...["runtime", "models", "data", "training"],
  ],
  cli: ["facts", "install", "config", "images", "checkpoint", "results", "runtime", "workflow"],
  // Runs: processes of their own.
  protocol: ["facts"],
  runs: ["facts"],
  engines: ["facts", "config", "checkpoint", "results", "runs"],
  // Editor: the extension's side, and the pages.
  extension: ["facts", "config", "images", "data", "workflow", "results", "protocol", "runs", "engines"],
  webview: ["facts", "protocol"],
};

/** Inside src/extension, bottom up: a folder imports those that stand before it. */
const EXTENSION = [
  "workspace",
  "language",
  "engines",
  "runs",
  "results",
  "viewer",
  "panel",
  "table",
  "commands",
  "training",
];

/** Inside src/webview likewise. */
const WEBVIEW = ["charts", "images", "viewer", "panel", "table"];

const upward = (parent, floors) =>
  floors.map((folder, floor) => ({
    name: `${parent}/${folder}-looks-up`,
    comment: `src/${parent}/${folder} may import only the folders that stand before it in .dependency-cruiser.mjs.`,
    severity: "error",
    from: { path: `^src/${parent}/${folder}/` },
    to: { path: `^src/${parent}/(${floors.slice(floor + 1).join("|") || "$"})/` },
  }));

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    {
      name: "no-cycles",
      comment:
        "Files that import each other in a circle: merge them, or move what both need to a third file.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "resolvable",
      comment: "Every import names a file or an installed package.",
      severity: "error",
      from: { path: "^src/" },
      to: { couldNotResolve: true, pathNot: "^vscode$" },
    },
    ...Object.entries(BELOW).map(([folder, below]) => ({
      name: `${folder}-looks-up`,
      comment: `src/${folder} may import ${below.join(", ") || "no other folder"}.`,
      severity: "error",
      from: { path: `^src/${folder}/` },
      to: { path: "^src/", pathNot: `^src/(${[folder, ...below].join("|")})/` },
    })),
    {
      name: "folder-without-a-floor",
      comment:
        "A new folder of src needs a line in .dependency-cruiser.mjs that says which folders it may import.",
      severity: "error",
      from: { path: "^src/", pathNot: `^src/(${Object.keys(BELOW).join("|")})/` },
      to: {},
    },
    ...upward("extension", EXTENSION),
    ...upward("webview", WEBVIEW),
  ],
  options: {
    doNotFollow: { path: ["node_modules", "^package.json$"] },
    exclude: { path: "^dist/" },
    parser: "swc",
    tsPreCompilationDeps: true,
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: {
      extensions: [".ts", ".js", ".mjs", ".json"],
      conditionNames: ["import", "node", "default"],
      exportsFields: ["exports"],
    },
  },
};
