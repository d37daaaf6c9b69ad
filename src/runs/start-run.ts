/** Starting a run: at most once, whoever asks for it. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { lstat, mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { writeErrorReason } from "../facts/files/write-file.ts";
import { resultTree, runExists } from "../facts/result-tree.ts";
import { newAddress, STARTING_MS } from "./address.ts";
import { type LockOwner, lockHolder, owner, takeLock } from "./lock.ts";
import { takeTicket } from "./queue.ts";
import {
  type Program,
  type RecordFiles,
  type RunPlace,
  type RunRecord,
  recordFilesOf,
  runIdentity,
  writeRecord,
} from "./record.ts";

/** A run cannot be started as it was asked; the message tells people why. */
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

/** Time between attempts to take the lock of a trainer that is ending. */
const RETRY_MS = 100;

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
  const { created, address } = record;
  await takeRunLock(files, order, owner(address));
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

/** The supervisor gets its record through a pipe: what it runs must not come from a folder that others may write to. */
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

/** Takes the lock of a run. Throws `StartError` where the run is active, or its folder cannot be written to or is a link. */
export async function takeRunLock(files: RecordFiles, place: RunPlace, own: LockOwner): Promise<void> {
  const taken = await mkdir(files.folder, { recursive: true })
    .then(() => refuseLinks(files))
    .then(() => takeLockOfOrphan(files.lock, own))
    .catch((error) => {
      if (error instanceof StartError) throw error;
      const reason = writeErrorReason(error) ?? (error instanceof Error ? error.message : String(error));
      throw new StartError(
        `Results cannot be written to ${place.resultDirectory}: ${reason}.`,
        "biapy.run.resultFolder",
      );
    });
  if (taken) return;
  const host = (await lockHolder(files.lock))?.host;
  const where = host === undefined || host === own.host ? "" : ` on ${host}`;
  throw new StartError(
    `${place.name}, run ${place.runId}, is already running${where}. Stop it first, or train as another run.`,
  );
}

/** A trainer whose supervisor was killed ends soon: that is waited for. */
async function takeLockOfOrphan(lock: string, own: LockOwner): Promise<boolean> {
  for (const end = Date.now() + STARTING_MS; ; await setTimeout(RETRY_MS)) {
    if (await takeLock(lock, own)) return true;
    if (Date.now() > end || !(await lockHolder(lock))?.orphan) return false;
  }
}

/**
 * Writing through a link would change files outside the result folder. (The folders above may be links: a person may have put
 * them on another disk.)
 */
async function refuseLinks({ folder, ...files }: RecordFiles): Promise<void> {
  for (const path of [dirname(folder), folder, ...Object.values(files)]) {
    const found = await lstat(path).catch(() => undefined);
    if (found?.isSymbolicLink())
      throw new StartError(`${path} is a link, through which no run is recorded. Delete it and try again.`);
  }
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
