import { homedir } from "node:os";
import * as vscode from "vscode";
import type { Machines } from "../../engines/biapy-command.ts";
import type { Candidate, SearchPlaces } from "../../engines/python-environments.ts";
import { biapyEngine } from "./biapy.ts";
import { dockerEngine } from "./docker.ts";
import { embeddedEngine } from "./embedded.ts";
import type { Engine } from "./engine.ts";

const setting = (name: string) => vscode.workspace.getConfiguration("biapy").get<string>(name, "");

/** Returns the engines that can train, in the order in which they are offered. */
export function enginesOf(context: vscode.ExtensionContext): readonly Engine[] {
  return [
    embeddedEngine(context.asAbsolutePath("dist/cli.mjs"), () => ({
      nodePath: setting("run.nodePath"),
      runtime: setting("run.runtime"),
      precision: setting("run.precision"),
      partSize: vscode.workspace.getConfiguration("biapy").get("run.partSize", 0),
    })),
    biapyEngine({ places: pythonPlaces, machines }),
    dockerEngine(() => setting("docker.image")),
  ];
}

/** Returns the engine that the settings select. Defaults to the embedded one. */
export function selectedEngine(engines: readonly Engine[]): Engine {
  const selected = engines.find(({ id }) => id === setting("engine")) ?? engines[0];
  if (selected === undefined) throw new Error("There is no engine.");
  return selected;
}

/** Returns where to search for Python: the setting, then the Python extension's interpreter, then the open folders. */
export async function pythonPlaces(): Promise<SearchPlaces> {
  const chosen = setting("python.path").replace(/^~(?=[/\\])/, homedir());
  const editors = await editorPython();
  const named: Candidate[] = [
    ...(chosen === "" ? [] : [{ python: chosen, origin: "setting" } as const]),
    ...(editors === undefined ? [] : [{ python: editors, origin: "editor" } as const]),
  ];
  // An untrusted folder may contain a Python interpreter, which must not run.
  const open = vscode.workspace.isTrusted ? (vscode.workspace.workspaceFolders ?? []) : [];
  const folders = open.map(({ uri }) => uri.fsPath);
  return { named, folders };
}

/** The part of the Python extension's API that returns its interpreter. */
interface PythonExtension {
  readonly environments?: {
    getActiveEnvironmentPath(): { readonly path: string };
    resolveEnvironment(path: {
      readonly path: string;
    }): Promise<{ readonly executable: { readonly uri?: vscode.Uri } } | undefined>;
  };
}

/** Returns the interpreter that the Python extension uses; undefined if the extension is not installed or fails. */
async function editorPython(): Promise<string | undefined> {
  try {
    const extension = vscode.extensions.getExtension<PythonExtension>("ms-python.python");
    const { environments } = (await extension?.activate()) ?? {};
    const resolved = await environments?.resolveEnvironment(environments.getActiveEnvironmentPath());
    return resolved?.executable.uri?.fsPath;
  } catch {
    // VS Code reports failures of other extensions. Other places may have a Python.
    return undefined;
  }
}

/** Returns the machines that train one model together, if the settings name several. */
function machines(): Machines | undefined {
  const settings = vscode.workspace.getConfiguration("biapy.distributed");
  const count = settings.get("machines", 1);
  if (count <= 1) return undefined;
  return {
    count,
    rank: settings.get("rank", 0),
    address: settings.get("address", "localhost"),
    port: settings.get("port", 29500),
  };
}
