/** Starts a run, at most once at a time. */

import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage } from "../facts/errors.ts";
import { writeErrorReason } from "../facts/files/write-file.ts";
import { newAddress } from "../facts/lock/address.ts";
import { owner } from "../facts/lock/lock.ts";
import { RunLockError, takeRunLock } from "../facts/lock/run-lock.ts";
import { resultTree, runExists } from "../facts/result-tree.ts";
import { takeTicket } from "./queue.ts";
import {
  type Program,
  type RecordFiles,
  type RunRecord,
  recordFilesOf,
  runIdentity,
  writeRecord,
} from "./record.ts";

/** A run cannot be started. The message is for the user. */
export class StartError extends Error {
  override readonly name = "StartError";
  constructor(
    message: string,
    /** The setting that solves it. */
    readonly setting?: string,
  ) {
    super(message);
  }
}

export interface BundleProgram extends Program {
  readonly env: NodeJS.ProcessEnv;
}

/** Returns the command that runs a bundle of the extension with the Node.js of this process. */
export function bundleProgram(bundle: string): BundleProgram {
  return { command: process.execPath, args: [bundle], env: childEnvironment() };
}

/** Returns this process's environment without what an editor adds for its own processes. */
function childEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(VSCODE_|ELECTRON_)/.test(name));
  const electron = process.versions.electron === undefined ? {} : { ELECTRON_RUN_AS_NODE: "1" };
  return { ...Object.fromEntries(kept), ...electron };
}

/**
 * Starts a run in a process that outlives this one. Throws `StartError` if the run is active already or its folder cannot
 * be written to.
 */
export async function startRun(
  planned: Omit<RunRecord, "created" | "address">,
  supervisor: BundleProgram,
): Promise<RecordFiles> {
  const { order, device, queue } = planned;
  const files = recordFilesOf(order);
  const record: RunRecord = { ...planned, created: Date.now(), address: newAddress() };
  const { created, address } = record;
  await takeRunLock(files.folder, order, owner(address)).catch((error) => {
    if (error instanceof RunLockError) throw new StartError(error.message);
    const reason = writeErrorReason(error) ?? errorMessage(error);
    const message = `Results cannot be written to ${order.resultDirectory}: ${reason}.`;
    throw new StartError(message, "biapy.run.resultFolder");
  });
  try {
    if (!order.resume) await Promise.all([files.events, files.log].map((file) => rm(file, { force: true })));
    await writeRecord(files, record);
    if (device !== undefined) await takeTicket(queue, { device, created, address, run: runIdentity(order) });
    await startSupervisor(record, files, supervisor);
  } catch (error) {
    await rm(files.lock, { force: true });
    throw error;
  }
  return files;
}

/** Starts the supervisor. Its record comes through a pipe: the command that it runs must not come from a folder that others may write to. */
async function startSupervisor(
  record: RunRecord,
  { folder }: RecordFiles,
  { command, args, env }: BundleProgram,
): Promise<void> {
  const child = spawn(command, [...args, folder], {
    env,
    cwd: record.order.workingDirectory,
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    windowsHide: true,
  });
  await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  child.stdin?.on("error", () => {});
  await new Promise<void>((resolve) => child.stdin?.end(JSON.stringify(record), resolve));
  child.unref();
}

/** Returns the first number of a job's runs that no run has used, by our results, BiaPy's, or a record. */
export function freeRunId(resultDirectory: string, name: string): number {
  const { jobDirectory } = resultTree(resultDirectory, name, 1);
  const logs = join(jobDirectory, "logs");
  const logNames = existsSync(logs) ? readdirSync(logs) : [];
  for (let runId = 1; ; runId++) {
    const files = recordFilesOf({ resultDirectory, name, runId });
    const logged = logNames.some((log) => log.startsWith(`${name}_${runId}_log_`));
    if (!runExists(resultTree(resultDirectory, name, runId)) && !logged && !existsSync(files.record))
      return runId;
  }
}
