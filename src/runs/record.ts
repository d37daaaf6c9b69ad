/**
 * What is kept of a run that was started from the editor: a folder beside its results, which any window can read, now and
 * after the run. One process writes it after the start, the supervisor (`supervisor.ts`).
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import { resultTree } from "../facts/result-tree.ts";

/** How a process tells what it does: our events as JSON Lines on its standard output, or what BiaPy prints. */
export type OutputFormat = "events" | "biapy";

/** A program and its arguments; never a shell's line. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

export interface RunCommand extends Program {
  readonly cwd: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly output: OutputFormat;
  /** Asks it to stop, where an interrupt of its processes does not reach it (a container). */
  readonly stop?: Program;
  /** Ends it at once, where ending its processes does not (a container). */
  readonly kill?: Program;
}

/** Where a run's results go. */
export interface RunPlace {
  /** Absolute. */
  readonly resultDirectory: string;
  readonly name: string;
  readonly runId: number;
}

/** What is to be trained. */
export interface RunOrder extends RunPlace {
  /** Absolute. */
  readonly configFile: string;
  /** Go on where the run was stopped. */
  readonly resume: boolean;
  /** As BiaPy's `--gpu` takes it; empty for none. */
  readonly gpu: string;
  /** What the configuration's relative paths are relative to. */
  readonly workingDirectory: string;
}

export interface RunEnd {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly status: "finished" | "stopped" | "failed";
  /** What went wrong, in words, when `failed`. */
  readonly message?: string;
}

export interface RunRecord {
  readonly order: RunOrder;
  readonly engine: string;
  /** What computes, where runs wait for each other: `cpu`, `gpu:0`. Absent: it waits for nothing. */
  readonly device?: string;
  /** Folder of the tickets of runs that wait or run; see `queue.ts`. */
  readonly queue: string;
  readonly command: RunCommand;
  /** A debugger is attached, which may end the trainer when it is told to stop. */
  readonly debugged?: boolean;
  /** Seconds between the request to stop and the end by force. */
  readonly stopSeconds: number;
  /** When it was ordered, in milliseconds since the epoch. */
  readonly created: number;
  /** Where its supervisor listens: a socket's path, or a pipe's name on Windows. */
  readonly address: string;
  /** The supervisor's process. */
  readonly supervisor?: number;
  /** When training began; absent while it waits. */
  readonly started?: number;
  /** The trainer's process. */
  readonly pid?: number;
  readonly ended?: RunEnd;
}

export interface RecordFiles {
  readonly folder: string;
  readonly record: string;
  /** Run events as JSON Lines. */
  readonly events: string;
  /** What the trainer printed, as it came. */
  readonly log: string;
  /** There while somebody starts or supervises the run. */
  readonly lock: string;
  /** Room on the disk that is kept for the run's end. */
  readonly reserve: string;
}

export function recordFiles(folder: string): RecordFiles {
  return {
    folder,
    record: join(folder, "run.json"),
    events: join(folder, "events.jsonl"),
    log: join(folder, "output.log"),
    lock: join(folder, "lock"),
    reserve: join(folder, "reserve"),
  };
}

export function recordFilesOf({ resultDirectory, name, runId }: RunPlace): RecordFiles {
  return recordFiles(resultTree(resultDirectory, name, runId).recordFolder);
}

/** The run's directory, which tells runs apart. */
export function runIdentity({ resultDirectory, name, runId }: RunPlace): string {
  return resultTree(resultDirectory, name, runId).runDirectory;
}

/** Nothing where there is no record, or none that can be read. */
export async function readRecord({ record }: RecordFiles): Promise<RunRecord | undefined> {
  try {
    return JSON.parse(await readFile(record, "utf8")) as RunRecord;
  } catch {
    return undefined;
  }
}

export async function writeRecord(files: RecordFiles, record: RunRecord): Promise<void> {
  await mkdir(files.folder, { recursive: true });
  await writeFileAtomically(files.record, `${JSON.stringify(record, null, 2)}\n`);
}
