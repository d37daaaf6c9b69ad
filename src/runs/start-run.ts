/** Starting a run: at most once, whoever asks for it. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeErrorReason } from "../facts/files/write-file.ts";
import { resultTree, runExists } from "../facts/result-tree.ts";
import { connectTo, newAddress } from "./address.ts";
import { takeLock } from "./lock.ts";
import { takeTicket } from "./queue.ts";
import {
  type Program,
  type RecordFiles,
  type RunOrder,
  type RunRecord,
  readRecord,
  recordFilesOf,
  runIdentity,
  writeRecord,
} from "./record.ts";

/** A run cannot be started as it was asked; the message says why, for people. */
export class StartError extends Error {
  override readonly name = "StartError";
  constructor(
    message: string,
    /** The setting that mends it. */
    readonly setting?: string,
  ) {
    super(message);
  }
}

export interface BundleProgram extends Program {
  readonly env: NodeJS.ProcessEnv;
}

/** Node as this process itself runs it, on a bundle of the extension. */
export function bundleProgram(bundle: string): BundleProgram {
  return { command: process.execPath, args: [bundle], env: childEnvironment() };
}

/** This process's environment without what an editor adds for its own processes. */
export function childEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(VSCODE_|ELECTRON_)/.test(name));
  const electron = process.versions.electron === undefined ? {} : { ELECTRON_RUN_AS_NODE: "1" };
  return { ...Object.fromEntries(kept), ...electron };
}

/**
 * Starts a run in a process that outlives this one. Throws `StartError` where the run is active already or its folder cannot
 * be written to.
 */
export async function startRun(
  planned: Omit<RunRecord, "created" | "address">,
  supervisor: BundleProgram,
): Promise<RecordFiles> {
  const { order, device, queue } = planned;
  const files = recordFilesOf(order);
  const record: RunRecord = { ...planned, created: Date.now(), address: newAddress() };
  await lock(files, order, record.address);
  try {
    if (!order.resume) await Promise.all([files.events, files.log].map((file) => rm(file, { force: true })));
    await writeRecord(files, record);
    const { created, address } = record;
    if (device !== undefined) await takeTicket(queue, { device, created, address, run: runIdentity(order) });
    const { command, args, env } = supervisor;
    const child = spawn(command, [...args, files.folder], {
      env,
      cwd: order.workingDirectory,
      detached: true,
      stdio: "ignore",
      windowsHide: true,
    });
    await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    child.unref();
  } catch (error) {
    await rm(files.lock, { force: true });
    throw error;
  }
  return files;
}

async function lock(files: RecordFiles, order: RunOrder, owner: string): Promise<void> {
  const taken = await mkdir(files.folder, { recursive: true })
    .then(() => takeLock(files.lock, owner, () => isAlive(files)))
    .catch((error) => {
      const reason = writeErrorReason(error) ?? (error instanceof Error ? error.message : String(error));
      throw new StartError(
        `Results cannot be written to ${order.resultDirectory}: ${reason}.`,
        "biapy.run.resultFolder",
      );
    });
  if (!taken)
    throw new StartError(
      `Run ${order.runId} of ${order.name} is under way already, maybe started in another window.`,
    );
}

async function isAlive(files: RecordFiles): Promise<boolean> {
  const record = await readRecord(files);
  const socket = record && (await connectTo(record.address));
  socket?.destroy();
  return socket !== undefined;
}

/** The first number of a job's runs that no run has used, by our results, BiaPy's, or a record. */
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
