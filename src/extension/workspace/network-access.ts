/** Paths on other computers named in files (a run's events, a record). They are accessed only if the user agrees. */
import * as vscode from "vscode";
import { isNetworkPath, networkHost } from "../../facts/files/network-path.ts";

/** The user's answers in this session, by computer. */
const answers = new Map<string, Promise<boolean>>();

/**
 * Whether a path may be accessed. Local paths may, and paths on a computer with a folder that the user has
 * opened; for others the user is asked once. In an untrusted folder the answer is no.
 *
 * @param known paths whose place the user chose, such as the result folder
 */
export async function mayTouch(path: string, known: readonly string[] = []): Promise<boolean> {
  if (!isNetworkPath(path)) return true;
  const host = networkHost(path);
  const open = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
  if ([...open, ...known].some((one) => networkHost(one) === host)) return true;
  if (!vscode.workspace.isTrusted) return false;
  const answer = answers.get(host) ?? ask(host, path);
  answers.set(host, answer);
  return answer;
}

async function ask(host: string, path: string): Promise<boolean> {
  const connect = "Connect";
  const message = `BiaPy: a run names a file on the computer ${host}: ${path}. Connecting to it tells it your user name.`;
  return (await vscode.window.showWarningMessage(message, connect)) === connect;
}
