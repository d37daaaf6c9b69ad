/** Finds the Node.js that runs the embedded engine. */

import { execFile } from "node:child_process";
import { isAtLeast } from "../facts/versions.ts";
import type { Program } from "./record.ts";

export interface NodeRuntime extends Program {
  readonly env: Readonly<Record<string, string>>;
  /** For the user: `Node.js 22.1.0`. */
  readonly label: string;
}

const OLDEST = "20.15";

/**
 * Returns the Node.js that the settings name, or the one that runs this process. If that is the editor's own (Electron), an installed
 * one is preferred, and Electron is the last choice. If there is none, returns the reason, for the user.
 */
export async function findNode(setting: string): Promise<NodeRuntime | string> {
  if (setting !== "") return installedNode(setting);
  if (process.versions.electron === undefined)
    return { command: process.execPath, args: [], env: {}, label: `Node.js ${process.versions.node}` };
  const installed = await installedNode("node");
  if (typeof installed !== "string") return installed;
  const env = { ELECTRON_RUN_AS_NODE: "1" };
  return { command: process.execPath, args: [], env, label: `the editor's Node.js ${process.versions.node}` };
}

async function installedNode(command: string): Promise<NodeRuntime | string> {
  const version = await new Promise<string | undefined>((resolve) =>
    execFile(command, ["--version"], { timeout: 10_000, windowsHide: true }, (error, output) =>
      resolve(error === null ? output.trim().replace(/^v/, "") : undefined),
    ),
  );
  if (version === undefined) return `${command} does not run.`;
  if (!isAtLeast(version, OLDEST)) return `${command} is Node.js ${version}; ${OLDEST} or later is needed.`;
  return { command, args: [], env: {}, label: `Node.js ${version}` };
}
