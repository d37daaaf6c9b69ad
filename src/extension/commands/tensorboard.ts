/** BiaPy: Open in TensorBoard, with the TensorBoard of a Python environment. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import * as vscode from "vscode";
import { candidates } from "../../engines/python-environments.ts";
import { bundleProgram } from "../../runs/start-run.ts";
import { pythonPlaces } from "../engines/index.ts";
import { runCommand } from "../workspace/commands.ts";
import { mayRun } from "../workspace/trust.ts";
import { pickRun } from "./pick-run.ts";
import type { Services } from "./services.ts";

/** Time limit for TensorBoard to report its port. */
const START_MS = 60_000;
const ADDRESS = /https?:\/\/[^\s:]+:(\d+)/;

/**
 * Ports of TensorBoards that start or run, by folder; undefined if the start fails. The programs end with the window, even if it is
 * killed.
 */
const running = new Map<string, Promise<number | undefined>>();

/** Starts TensorBoard for a run, unless it runs already, and opens it in the browser. */
export async function openInTensorBoard({ context, runs }: Services, clicked?: unknown): Promise<void> {
  if (!(await mayRun())) return;
  const run = await pickRun(runs, clicked, {
    title: "Open which run in TensorBoard?",
    none: "There are no runs.",
    among: ({ folder }) => folder !== undefined && existsSync(folder.tree.tensorboard),
  });
  if (run === undefined) return;
  const folder = run.folder?.tree.tensorboard ?? "";
  if (!existsSync(folder)) {
    void vscode.window.showInformationMessage("This run has written nothing for TensorBoard.");
    return;
  }
  const program = await findTensorBoard();
  if (program === undefined) return explainMissing();
  const port = await (running.get(folder) ?? startOnce(context, program, folder));
  if (port === undefined) return;
  const local = vscode.Uri.parse(`http://localhost:${port}/`);
  const address = await vscode.env.asExternalUri(local);
  await vscode.env.openExternal(address);
}

/** Returns the `tensorboard` program of a Python environment or on the path; undefined if there is none. */
async function findTensorBoard(): Promise<string | undefined> {
  const places = await pythonPlaces();
  const pythons = candidates(places)
    .map(({ python }) => python)
    .filter((python) => dirname(python) !== ".");
  const name = process.platform === "win32" ? "tensorboard.exe" : "tensorboard";
  const folders = [
    ...pythons.flatMap((python) => [dirname(python), join(dirname(python), "Scripts")]),
    ...(process.env.PATH ?? "").split(delimiter),
  ];
  return folders.map((folder) => join(folder, name)).find(existsSync);
}

async function explainMissing(): Promise<void> {
  const copy = "Copy the Command";
  const panel = "Open Training Panel";
  const message =
    "TensorBoard was not found: it is a Python program, and its environment is not on the path. The training panel shows the same curves.";
  const answer = await vscode.window.showInformationMessage(message, panel, copy);
  if (answer === copy) await vscode.env.clipboard.writeText("python -m pip install tensorboard");
  if (answer === panel) await runCommand("biapy.openTrainingPanel");
}

/** Starts TensorBoard and remembers it until it ends. */
function startOnce(
  context: vscode.ExtensionContext,
  program: string,
  folder: string,
): Promise<number | undefined> {
  const forget = () => {
    if (running.get(folder) === port) running.delete(folder);
  };
  const port = start(context, program, folder, forget);
  running.set(folder, port);
  port.catch(forget);
  return port;
}

/** @param ended called when TensorBoard ends */
async function start(
  context: vscode.ExtensionContext,
  program: string,
  folder: string,
  ended: () => void,
): Promise<number | undefined> {
  const companion = bundleProgram(context.asAbsolutePath("dist/companion.mjs"));
  const board = [program, "--logdir", folder, "--host", "localhost", "--port", "0"];
  const child = spawn(companion.command, [...companion.args, ...board], {
    env: companion.env,
    // If the extension host's process group is killed, the companion must survive to end TensorBoard.
    detached: true,
    windowsHide: true,
  });
  const end = () => {
    ended();
    child.stdin.end();
  };
  context.subscriptions.push({ dispose: end });
  const location = vscode.ProgressLocation.Notification;
  const port = await vscode.window.withProgress(
    { location, title: "Starting TensorBoard", cancellable: true },
    (_progress, canceled) => addressOf(child, canceled),
  );
  if (typeof port === "number") {
    child.once("exit", ended);
    return port;
  }
  end();
  if (port !== undefined) void vscode.window.showErrorMessage(`TensorBoard did not start: ${port}`);
  return undefined;
}

/** Returns the port, or TensorBoard's error output; undefined if the user canceled. */
function addressOf(
  child: ChildProcessWithoutNullStreams,
  canceled: vscode.CancellationToken,
): Promise<number | string | undefined> {
  return new Promise((resolve) => {
    let printed = "";
    const listen = (chunk: Buffer) => {
      printed += chunk.toString();
      const found = ADDRESS.exec(printed);
      if (found !== null) resolve(Number(found[1]));
    };
    const lastLine = () => printed.trim().split("\n").at(-1) ?? "";
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.once("error", ({ message }) => resolve(message));
    child.once("exit", (code) => resolve(lastLine() || `exit code ${code}`));
    canceled.onCancellationRequested(() => resolve(undefined));
    setTimeout(() => resolve(`it named no address within ${START_MS / 1000} s.`), START_MS).unref();
  });
}
