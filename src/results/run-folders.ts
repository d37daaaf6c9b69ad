/**
 * The runs that result folders hold, told from their files alone. Both trees are read: the documented one, which the embedded
 * engine writes, and the one that BiaPy 3.7.1 writes (`results/<name>_<run>/per_image`, `logs/<name>_<run>_log_<date>…`).
 */
import type { Dirent, Stats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { type ResultTree, resultTree } from "./result-tree.ts";
import { readRunLog } from "./run-log.ts";

export type FileGroup =
  | "configuration"
  | "checkpoints"
  | "charts"
  | "mae-checks"
  | "images"
  | "augmentations"
  | "logs";

/** Files of a run, absolute paths in the order of their names. */
export type RunFiles = Readonly<Record<FileGroup, readonly string[]>>;

export interface BestEpoch {
  /** Of validation; of training in a run without it. */
  readonly loss: number;
  readonly epoch: number;
}

export interface RunFolder {
  readonly tree: ResultTree;
  /** Which program's tree it is. */
  readonly writtenBy: "embedded" | "biapy";
  readonly files: RunFiles;
  /** How it stands as far as its files tell: `stopped` has a checkpoint to go on from. */
  readonly status: "finished" | "stopped" | "interrupted";
  /** When its first and last file were written, in milliseconds since the epoch. */
  readonly started: number;
  readonly changed: number;
  readonly epochs: number;
  readonly best?: BestEpoch;
}

/** Folders of a job that tell that it is one. */
const JOB_PARTS = ["config_files", "results", "checkpoints", "logs", ".biapy-studio"];
/** Files of an evaluated masked autoencoder, by what their names end with. */
const MAE_CHECK = /_(original|masked|reconstruction|reconstruction_and_visible)\.tiff?$/i;
/** A folder that holds an image: Zarr. */
const IMAGE_FOLDER = /\.zarr$/i;

async function entries(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}

/** The job directories in a folder: itself, or folders in it. */
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

/** A configuration's copy or a record alone tells a job that has just begun; other names are too common to stand alone. */
function isJob(inside: readonly Dirent[]): boolean {
  const parts = inside.filter((entry) => entry.isDirectory() && JOB_PARTS.includes(entry.name));
  return parts.length >= 2 || parts.some(({ name }) => name === "config_files" || name === ".biapy-studio");
}

/** The job directory that a file of a run lies in; nothing for other files. */
export function jobOf(path: string): string | undefined {
  for (let folder = dirname(path), inner = path; folder !== inner; inner = folder, folder = dirname(folder))
    if (JOB_PARTS.includes(basename(inner))) return folder;
  return undefined;
}

/** All runs of a job, the newest first. */
export async function runsOf(jobDirectory: string): Promise<RunFolder[]> {
  const name = basename(jobDirectory);
  const listed = await Promise.all(
    ["results", "logs", "checkpoints", ".biapy-studio"].map((part) => entries(join(jobDirectory, part))),
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

/** The run that `<name>_<run>`, `<name>_<run>-…` or `<name>_<run>_log…` belongs to. */
function runNumber(fileName: string, name: string): number | undefined {
  if (!fileName.startsWith(`${name}_`)) return undefined;
  const match = /^(\d+)(?:$|-checkpoint-|_log_)/.exec(fileName.slice(name.length + 1));
  return match === null ? undefined : Number(match[1]);
}

async function runFolder(tree: ResultTree): Promise<RunFolder> {
  const files = await filesOf(tree);
  const writtenBy = files.logs.some((log) => log.startsWith(join(tree.jobDirectory, "logs")))
    ? "biapy"
    : "embedded";
  // Images can be many thousands; the folder changes with them.
  const dated = [...files.configuration, ...files.checkpoints, ...files.charts, ...files.logs, tree.perImage];
  const stats = await Promise.all(dated.map((file) => stat(file).catch(() => undefined)));
  const times = stats.filter((found): found is Stats => found !== undefined);
  const log = await readRunLog(files.logs);
  const judged = log.epochs.map(({ epoch, train, validation }) => ({
    epoch,
    loss: (validation ?? train).loss,
  }));
  const finite = judged.filter(({ loss }) => Number.isFinite(loss));
  const best = finite.reduce<BestEpoch | undefined>(
    (least, one) => (least === undefined || one.loss < least.loss ? one : least),
    undefined,
  );
  const goesOn = files.checkpoints.includes(tree.lastCheckpoint);
  const finished = writtenBy === "biapy" ? log.finished : files.checkpoints.includes(tree.bestCheckpoint);
  return {
    tree,
    writtenBy,
    files,
    status: goesOn ? "stopped" : finished ? "finished" : "interrupted",
    started: Math.min(
      Date.now(),
      ...times.map(({ birthtimeMs, mtimeMs }) => Math.min(birthtimeMs || mtimeMs, mtimeMs)),
    ),
    changed: Math.max(0, ...times.map(({ mtimeMs }) => mtimeMs)),
    epochs: Math.max(0, ...log.epochs.map(({ epoch }) => epoch)),
    best,
  };
}

/** The files in a folder, and image folders (Zarr) in it. */
async function filesIn(folder: string): Promise<string[]> {
  const names = (await entries(folder))
    .filter((entry) => !entry.name.startsWith(".") && !entry.name.endsWith(".tmp"))
    .filter((entry) => entry.isFile() || IMAGE_FOLDER.test(entry.name))
    .map(({ name }) => name);
  const byName = new Intl.Collator(undefined, { numeric: true });
  return names.sort(byName.compare).map((name) => join(folder, name));
}

async function filesOf(tree: ResultTree): Promise<RunFiles> {
  const { name, runId, jobDirectory } = tree;
  const run = `${name}_${runId}`;
  const ofRun = (path: string) => runNumber(basename(path), name) === runId;
  const [configs, checkpoints, charts, checks, perImage, aug, trainLogs, logs, record] = await Promise.all(
    [
      join(jobDirectory, "config_files"),
      tree.checkpoints,
      tree.charts,
      tree.maeChecks,
      tree.perImage,
      tree.aug,
      tree.trainLogs,
      join(jobDirectory, "logs"),
      join(jobDirectory, ".biapy-studio", run),
    ].map(filesIn),
  );
  return {
    configuration: configurationsOf(configs, runId),
    checkpoints: checkpoints.filter(ofRun),
    charts,
    "mae-checks": [...checks, ...perImage.filter((path) => isCheck(path, perImage))],
    images: perImage.filter((path) => !isCheck(path, perImage)),
    augmentations: aug,
    logs: [...trainLogs, ...logs.filter(ofRun), ...record.filter((path) => extname(path) === ".log")],
  };
}

/** BiaPy puts its checks beside the image that they are of: `<image>.tif` and `<image>_masked.tif`. */
function isCheck(path: string, beside: readonly string[]): boolean {
  const file = basename(path);
  if (!MAE_CHECK.test(file)) return false;
  const image = join(dirname(path), file.replace(MAE_CHECK, extname(file)));
  return beside.includes(image) || /_(masked|reconstruction_and_visible)\.tiff?$/i.test(file);
}

/** BiaPy writes a copy for each run, `<file>_<run>_<date>.yaml`; the documented tree has one for the job. */
function configurationsOf(configs: readonly string[], runId: number): string[] {
  const dated = /_(\d+)_\d{4}(?:_\d\d){5}\.ya?ml$/;
  const ofRun = configs.filter((path) => Number(dated.exec(path)?.[1]) === runId);
  const ofJob = configs.filter((path) => !dated.test(path) && /\.ya?ml$/.test(path));
  return ofRun.length > 0 ? ofRun : ofJob;
}
