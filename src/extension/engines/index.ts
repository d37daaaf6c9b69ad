import { homedir } from "node:os";
import * as vscode from "vscode";
import type { Machines } from "../../engines/biapy-command.ts";
import type { Candidate, SearchPlaces } from "../../engines/python-environments.ts";
import { biapyEngine } from "./biapy.ts";
import { dockerEngine } from "./docker.ts";
import { embeddedEngine } from "./embedded.ts";
import type { Engine } from "./engine.ts";

const setting = (name: string) => vscode.workspace.getConfiguration("biapy").get<string>(name, "");

/** The engines that can train, in the order in which they are offered. */
export function enginesOf(context: vscode.ExtensionContext): readonly Engine[] {
  return [
    embeddedEngine(
      context.asAbsolutePath("dist/cli.mjs"),
      () => setting("run.nodePath"),
      () => setting("run.runtime"),
      () => setting("run.precision"),
    ),
    biapyEngine({ places: pythonPlaces, machines }),
    dockerEngine(() => setting("docker.image")),
  ];
}

/** The engine that the settings select; the embedded one where they name none that there is. */
export function selectedEngine(engines: readonly Engine[]): Engine {
  return engines.find(({ id }) => id === setting("engine")) ?? engines[0];
}

/** Where to look for Python: the setting first, then what the Python extension uses, then the open folders. */
export async function pythonPlaces(): Promise<SearchPlaces> {
  const chosen = setting("python.path").replace(/^~(?=[/\\])/, homedir());
  const editors = await editorPython();
  const named: Candidate[] = [
    ...(chosen === "" ? [] : [{ python: chosen, origin: "setting" } as const]),
    ...(editors === undefined ? [] : [{ python: editors, origin: "editor" } as const]),
  ];
  // A folder that is not trusted may bring a Python of its own, which is not to be run.
  const open = vscode.workspace.isTrusted ? (vscode.workspace.workspaceFolders ?? []) : [];
  const folders = open.map(({ uri }) => uri.fsPath);
  return { named, folders };
}

/** The part of the Python extension's interface that tells its interpreter. */
interface PythonExtension {
  readonly environments?: {
    getActiveEnvironmentPath(): { readonly path: string };
    resolveEnvironment(path: {
      readonly path: string;
    }): Promise<{ readonly executable: { readonly uri?: vscode.Uri } } | undefined>;
  };
}

/** The interpreter that the Python extension uses; nothing where that is not installed. */
async function editorPython(): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension<PythonExtension>("ms-python.python");
  const { environments } = (await extension?.activate()) ?? {};
  const resolved = await environments?.resolveEnvironment(environments.getActiveEnvironmentPath());
  return resolved?.executable.uri?.fsPath;
}

/** The machines that train one model together, where the settings name several. */
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
