/**
 * Finds the runs in result folders from their files only. Both trees are read: the documented one, which the embedded
 * engine writes, and the one that BiaPy 3.7.1 writes (`results/<name>_<run>/per_image`, `logs/<name>_<run>_log_<date>…`).
 */
import type { Dirent, Stats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve, sep } from "node:path";
import { setImmediate } from "node:timers/promises";
import { epochLoss } from "../facts/epoch-loss.ts";
import { RECORDS, type ResultTree, resultTree } from "../facts/result-tree.ts";
import { type RunState, RunStateError, readRunState } from "../facts/run-state.ts";
import { readRunLog } from "./run-log.ts";

export type FileGroup =
  | "configuration"
  | "checkpoints"
  | "charts"
  | "mae-checks"
  | "images"
  | "segmentations"
  | "previews"
  | "features"
  | "augmentations"
  | "logs";

/** Files of a run: absolute paths, sorted by name. */
export type RunFiles = Readonly<Record<FileGroup, readonly string[]>>;

export interface BestEpoch {
  /** Of validation; of training in a run without it. */
  readonly loss: number;
  readonly epoch: number;
}

export interface RunFolder {
  readonly tree: ResultTree;
  /** The program that wrote the tree. */
  readonly writtenBy: "embedded" | "biapy";
  readonly files: RunFiles;
  /** From the run's state, or from BiaPy's log. `interrupted`: the process is gone without a recorded end. */
  readonly status: "finished" | "stopped" | "interrupted" | "failed" | "damaged";
  /** Why it failed, or why its state is damaged. */
  readonly message?: string;
  /** Times of its first and last written file, in milliseconds since the epoch. */
  readonly started: number;
  readonly changed: number;
  readonly epochs: number;
  readonly best?: BestEpoch;
}

/** Folders that identify a job. */
const JOB_PARTS = ["config_files", "results", "checkpoints", "logs", RECORDS];
/** Files of an evaluated masked autoencoder, by suffix. */
const MAE_CHECK = /_(original|masked|reconstruction|reconstruction_and_visible)(\.tiff?)$/i;
/** A folder that holds an image: Zarr. */
const IMAGE_FOLDER = /\.zarr$/i;

/** Lets other work run: the names of thousands of files would block the process. */
const yieldToOthers = (): Promise<void> => setImmediate();

async function entries(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}

/** Returns the job directories in a folder: the folder itself, or folders in it. */
export async function jobsIn(folder: string): Promise<string[]> {
  const inside = (await entries(folder)).filter((entry) => entry.isDirectory());
  if (isJob(inside)) return [resolve(folder)];
  const found = await Promise.all(
    inside.map(async ({ name }) => {
      const path = join(folder, name);
      return isJob(await entries(path)) ? [resolve(path)] : [];
    }),
  );
  return found.flat();
}

/** A configuration's copy or a record identifies a new job; other names are too common to identify one alone. */
function isJob(inside: readonly Dirent[]): boolean {
  const parts = inside.filter((entry) => entry.isDirectory() && JOB_PARTS.includes(entry.name));
  return parts.length >= 2 || parts.some(({ name }) => name === "config_files" || name === RECORDS);
}

/** Returns the job directory of a run's file; undefined for other files. */
export function jobOf(path: string): string | undefined {
  for (let folder = dirname(path), inner = path; folder !== inner; inner = folder, folder = dirname(folder))
    if (JOB_PARTS.includes(basename(inner))) return folder;
  return undefined;
}

/** Returns all runs of a job, the newest first. */
export async function runsOf(jobDirectory: string): Promise<RunFolder[]> {
  const name = basename(jobDirectory);
  const listed = await Promise.all(
    ["results", "logs", "checkpoints", RECORDS].map((part) => entries(join(jobDirectory, part))),
  );
  const numbers = new Set<number>();
  for (const entry of listed.flat()) {
    const number = runNumber(entry.name, name);
    if (number !== undefined) numbers.add(number);
  }
  const runs = await Promise.all(
    [...numbers].map((runId) => runFolder(resultTree(dirname(jobDirectory), name, runId))),
  );
  return runs.sort((one, other) => other.started - one.started || other.tree.runId - one.tree.runId);
}

/** Returns the run of a file named `<name>_<run>`, `<name>_<run>-…` or `<name>_<run>_log…`. */
function runNumber(fileName: string, name: string): number | undefined {
  if (!fileName.startsWith(`${name}_`)) return undefined;
  // Numbers as this program writes them: `007` and inexact numbers would name another run's files.
  const match = /^(0|[1-9]\d{0,14})(?:$|-checkpoint-|_log_)/.exec(fileName.slice(name.length + 1));
  return match === null ? undefined : Number(match[1]);
}

/**
 * Returns the modification times of a job's folders, of the folders of its runs and of BiaPy's logs. They change when a run, its state or
 * its log is written. The files in the folders of a run, of which there may be thousands, are not looked at.
 */
export async function jobTimes(jobDirectory: string): Promise<string> {
  const parts = JOB_PARTS.map((part) => join(jobDirectory, part));
  const ofRuns = await Promise.all(
    ["results", "logs", RECORDS].map(async (part) => {
      const folder = join(jobDirectory, part);
      return (await entries(folder)).map(({ name }) => join(folder, name));
    }),
  );
  const paths = [...parts, ...ofRuns.flat()];
  const stats = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  return paths.map((path, at) => `${path} ${stats[at]?.mtimeMs}`).join("\n");
}

async function runFolder(tree: ResultTree): Promise<RunFolder> {
  // Before its files: beside the status of a run that has ended stand all the files it left.
  const ownStatus = await statusOf(tree);
  const files = await filesOf(tree);
  const writtenBy = files.logs.some((log) => log.startsWith(join(tree.jobDirectory, "logs")))
    ? "biapy"
    : "embedded";
  // Uses the folder's time instead of those of its images, which can be thousands.
  const dated = [...files.configuration, ...files.checkpoints, ...files.charts, ...files.logs, tree.perImage];
  const stats = await Promise.all(dated.map((file) => stat(file).catch(() => undefined)));
  const times = stats.filter((found): found is Stats => found !== undefined);
  const log = await readRunLog(files.logs);
  const best = log.epochs
    .map((record) => ({ epoch: record.epoch, loss: epochLoss(record) ?? Number.NaN }))
    .filter(({ loss }) => Number.isFinite(loss))
    .reduce<BestEpoch | undefined>(
      (least, one) => (least === undefined || one.loss < least.loss ? one : least),
      undefined,
    );
  return {
    tree,
    writtenBy,
    files,
    ...(writtenBy === "biapy" ? { status: log.finished ? "finished" : "interrupted" } : ownStatus),
    started: Math.min(
      Date.now(),
      ...times.map(({ birthtimeMs, mtimeMs }) => Math.min(birthtimeMs || mtimeMs, mtimeMs)),
    ),
    changed: Math.max(0, ...times.map(({ mtimeMs }) => mtimeMs)),
    epochs: Math.max(0, ...log.epochs.map(({ epoch }) => epoch)),
    best,
  };
}

async function statusOf(tree: ResultTree): Promise<Pick<RunFolder, "status" | "message">> {
  let state: RunState | undefined;
  try {
    state = await readRunState(tree);
  } catch (error) {
    if (!(error instanceof RunStateError)) throw error;
    return { status: "damaged", message: error.message };
  }
  const { status = "training", message } = state ?? {};
  return status === "training" || status === "testing" ? { status: "interrupted" } : { status, message };
}

/** Sorts names naturally: `image 2` before `image 10`. A collator takes half a second for the files of a large test set. */
function inOrder(names: readonly string[]): string[] {
  return names
    .map((name) => ({
      name,
      key: name.toLowerCase().replace(/\d+/g, (number) => number.padStart(20, "0")),
    }))
    .sort((one, other) => (one.key < other.key ? -1 : 1))
    .map(({ name }) => name);
}

/** Returns the files in a folder, and its image folders (Zarr). */
async function filesIn(folder: string): Promise<string[]> {
  const names = (await entries(folder))
    .filter((entry) => !entry.name.startsWith(".") && !entry.name.endsWith(".tmp"))
    .filter((entry) => entry.isFile() || IMAGE_FOLDER.test(entry.name))
    .map(({ name }) => name);
  await yieldToOthers();
  return inOrder(names).map((name) => `${folder}${sep}${name}`);
}

async function filesOf(tree: ResultTree): Promise<RunFiles> {
  const { name, runId, jobDirectory } = tree;
  const ofRun = (path: string) => runNumber(basename(path), name) === runId;
  const [configs, checkpoints, charts, previews, aug, trainLogs, logs, record] = await Promise.all([
    filesIn(join(jobDirectory, "config_files")),
    filesIn(tree.checkpoints),
    filesIn(tree.charts),
    filesIn(tree.previews),
    filesIn(tree.aug),
    filesIn(tree.trainLogs),
    filesIn(join(jobDirectory, "logs")),
    filesIn(tree.recordFolder),
  ]);
  const [checks, perImage, perClass, inOnePiece, classesInOnePiece, features] = await Promise.all([
    filesIn(tree.maeChecks),
    filesIn(tree.perImage),
    filesIn(tree.perImageBinarized),
    filesIn(tree.fullImage),
    filesIn(tree.fullImageBinarized),
    filesIn(tree.features),
  ]);
  await yieldToOthers();
  const beside = new Set(perImage);
  const checked = new Set(perImage.filter((path) => isCheck(path, beside)));
  return {
    configuration: configurationsOf(configs, tree),
    checkpoints: checkpoints.filter(ofRun),
    charts,
    "mae-checks": [...checks, ...checked],
    images: [...perImage.filter((path) => !checked.has(path)), ...inOnePiece],
    segmentations: [...perClass, ...classesInOnePiece],
    // The features lie beside their picture.
    previews: previews.filter(isPicture),
    features: features.filter(isPicture),
    augmentations: aug,
    logs: [...trainLogs, ...logs.filter(ofRun), ...record.filter((path) => extname(path) === ".log")],
  };
}

const isPicture = (path: string) => ![".npy", ".json", ".csv"].includes(extname(path));

/** Whether a file is a check of masked training. BiaPy writes them beside the image: `<image>.tif` and `<image>_masked.tif`. */
function isCheck(path: string, beside: ReadonlySet<string>): boolean {
  const ending = MAE_CHECK.exec(path);
  if (ending === null) return false;
  const [, kind = "", extension = ""] = ending;
  if (/^(masked|reconstruction_and_visible)$/i.test(kind)) return true;
  return beside.has(`${path.slice(0, ending.index)}${extension}`);
}

/**
 * Returns the copies of a run's configuration: `<name>_<run>.yaml` by the embedded engine, `<file>_<run>_<date>.yaml` by BiaPy.
 * Falls back to the job's `<name>.yaml`, which each run of the job overwrites.
 */
function configurationsOf(configs: readonly string[], { name, runId }: ResultTree): string[] {
  const dated = /_(\d+)_\d{4}(?:_\d\d){5}\.ya?ml$/;
  const numberOf = (path: string): number | undefined => {
    const date = dated.exec(path);
    return date === null ? runNumber(basename(path, extname(path)), name) : Number(date[1]);
  };
  const yaml = configs.filter((path) => /\.ya?ml$/.test(path));
  const ofRun = yaml.filter((path) => numberOf(path) === runId);
  return ofRun.length > 0 ? ofRun : yaml.filter((path) => numberOf(path) === undefined);
}
