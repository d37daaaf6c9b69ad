/** Runs the command line as a tool: it lists devices, installs runtimes, and more. The extension itself loads no engine. */

import { spawn } from "node:child_process";
import * as v from "valibot";
import * as vscode from "vscode";
import { eachLine } from "../../facts/files/lines.ts";
import { parseJson } from "../../facts/files/regular-file.ts";
import { bytes } from "../../facts/format.ts";
import { findNode } from "../../runs/node-runtime.ts";

/** The devices of this machine, from `biapy --devices --json`. */
const deviceList = v.object({
  cpu: v.object({ name: v.string(), cores: v.number(), memoryBytes: v.number() }),
  gpus: v.array(
    v.object({
      index: v.number(),
      name: v.string(),
      memoryBytes: v.optional(v.number()),
      routes: v.array(v.string()),
      refused: v.array(v.object({ route: v.string(), reason: v.string() })),
    }),
  ),
  note: v.optional(v.string()),
});
export type DeviceList = v.InferOutput<typeof deviceList>;

/** A line of an installation's output. */
const installEvent = v.variant("event", [
  v.object({ event: v.literal("progress"), label: v.string(), done: v.number(), total: v.number() }),
  v.object({ event: v.literal("installed"), folder: v.string() }),
  v.object({ event: v.literal("failed"), message: v.string() }),
]);
type InstallEvent = v.InferOutput<typeof installEvent>;

/** Returns the devices of this machine. Throws errors whose message is for the user. */
export async function listDevices(context: vscode.ExtensionContext): Promise<DeviceList> {
  const [lines, errors]: [string[], string[]] = [[], []];
  const code = await runTool(context, ["--devices", "--json"], (line) => lines.push(line), {
    errors: (line) => errors.push(line),
  });
  const [list] = lines.slice(-1);
  if (list !== undefined) return parseJson(list, deviceList);
  throw new Error(errors.join("\n") || `Looking for devices ended with code ${code}.`);
}

/**
 * Installs something, with progress and cancel.
 *
 * @returns whether it is installed now; false if the user canceled
 * @throws Error with a message for the user
 */
export async function install(
  context: vscode.ExtensionContext,
  title: string,
  args: readonly string[],
): Promise<boolean> {
  await vscode.workspace.fs.createDirectory(context.globalStorageUri);
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title, cancellable: true },
    async (progress, canceled) => {
      let last: InstallEvent | undefined;
      const code = await runTool(
        context,
        [...args, "--json"],
        (line) => {
          last = parseJson(line, installEvent);
          if (last.event === "progress") progress.report({ message: progressText(last) });
        },
        { canceled },
      );
      // What was canceled may report that its connection was cut.
      if (canceled.isCancellationRequested) return false;
      if (last?.event === "failed") throw new Error(last.message);
      if (code !== 0) throw new Error(`${title} ended with code ${code}.`);
      return true;
    },
  );
}

/** Smallest total that counts the bytes of a download. Smaller ones count steps. */
const LEAST_BYTES = 1e6;

function progressText({ label, done, total }: Extract<InstallEvent, { event: "progress" }>): string {
  if (total < LEAST_BYTES) return label;
  return `${label}: ${bytes(done)} of ${bytes(total)} (${Math.floor((100 * done) / total)} %)`;
}

/** What to do while a tool runs. */
export interface ToolOptions {
  /** Ends the tool. */
  readonly canceled?: vscode.CancellationToken;
  /** Working directory. */
  readonly cwd?: string;
  /** Receives what the tool prints to standard error, line by line. */
  readonly errors?: (text: string) => void;
}

/**
 * Runs the command line and calls `line` with each line that it prints. Returns the exit code. If `line` throws, the tool is ended, and
 * the error is passed on.
 */
export async function runTool(
  context: vscode.ExtensionContext,
  args: readonly string[],
  line: (text: string) => void,
  { canceled, cwd, errors }: ToolOptions = {},
): Promise<number | null> {
  const node = await findNode(vscode.workspace.getConfiguration("biapy").get("run.nodePath", ""));
  if (typeof node === "string") throw new Error(node);
  const child = spawn(node.command, [...node.args, context.asAbsolutePath("dist/cli.mjs"), ...args], {
    env: { ...process.env, ...node.env },
    cwd,
    stdio: ["ignore", "pipe", errors === undefined ? "ignore" : "pipe"],
    windowsHide: true,
  });
  const listener = canceled?.onCancellationRequested(() => child.kill());
  if (child.stderr !== null && errors !== undefined) eachLine(child.stderr, errors);
  try {
    return await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
      if (child.stdout !== null)
        eachLine(child.stdout, (text) => {
          try {
            line(text);
          } catch (error) {
            reject(error);
          }
        });
    });
  } finally {
    listener?.dispose();
    // Does nothing if the tool has ended.
    child.kill();
  }
}
