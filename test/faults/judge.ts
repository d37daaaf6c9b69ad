/**
 * A process that reads damaged files as the program does and says what became of each. Its parent ends it when it takes too long.
 */
import { basename } from "node:path";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { CheckpointError } from "../../src/checkpoint/checkpoint-error.ts";
import { readNpy } from "../../src/checkpoint/npy.ts";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { inspectImages } from "../../src/data/patches.ts";
import { DamagedFileError } from "../../src/facts/files/regular-file.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { RunStateError, readRunState } from "../../src/facts/run-state.ts";
import { openImage } from "../../src/images/files.ts";
import { ImageError } from "../../src/images/image.ts";
import { pastEvents } from "../../src/results/past-events.ts";
import { runsOf } from "../../src/results/run-folders.ts";
import { LiveRun } from "../../src/runs/live-run.ts";
import { recordFilesOf } from "../../src/runs/record.ts";
import { readHeader } from "../../src/workflow/run-checkpoint.ts";
import type { Kind } from "./samples.ts";

export interface Question {
  readonly kind: Kind;
  readonly path: string;
}

export interface Verdict {
  /** Whether the file was read; else it was refused. */
  readonly read: boolean;
  /** What is wrong with the answer. */
  readonly fault?: string;
  /** Largest memory of this process so far, in bytes. */
  readonly memory: number;
}

/** Samples of an image that are read; of a larger one a corner is. */
const MOST_SAMPLES = 2 ** 24;

async function readImage(path: string): Promise<void> {
  const demands = { patch: [1, 16, 16], channels: 1, ndim: 2, reflect: true } as const;
  const { problems } = await inspectImages([path], demands, {}, () => {});
  for (const { message } of problems) requireName(message, path);
  const source = await openImage(path);
  try {
    const [z, y, x, channels] = source.info.shape;
    if (z * y * x * channels <= MOST_SAMPLES) await source.read();
    else await source.read({ start: [0, 0, 0], end: [1, Math.min(y, 64), Math.min(x, 64)] });
  } finally {
    await source.close();
  }
}

async function readCheckpoint(path: string): Promise<void> {
  const checkpoint = await loadBiapyCheckpoint(path);
  try {
    for (const tensor of checkpoint.weights.values()) await tensor.read();
  } finally {
    await checkpoint.close();
  }
  await readHeader(path);
}

const READERS: Readonly<Record<Kind, (path: string) => Promise<void>>> = {
  tiff: readImage,
  zarr: readImage,
  hdf5: readImage,
  pth: readCheckpoint,
  safetensors: readCheckpoint,
  npy: async (path) => void (await readNpy(path)),
  yaml: async (path) => {
    const { config, problems } = loadConfig(path);
    const all = [...problems, ...(config.document.entries.length > 0 ? checkConfig(config) : [])];
    if (all.length > 300) throw new Error(`${all.length} problems`);
    const errors = all.filter(({ severity }) => severity === "error");
    if (errors.some(({ file }) => file !== path)) throw new Error("a problem without its file");
    if (errors.length > 0) throw new Refusal();
  },
  record: readJob,
};

/** What is wrong was said as it should be. */
class Refusal extends Error {}

/** Lists a job's runs and tells their events, as the results browser and the panel do. */
async function readJob(path: string): Promise<void> {
  const runs = await runsOf(path);
  for (const run of runs) {
    const events = await pastEvents(run);
    requireFinite(events);
    const { name, runId } = run.tree;
    const listener = { changed: () => {}, received: () => {} };
    const live = await LiveRun.open(
      recordFilesOf({ resultDirectory: `${path}/..`, name, runId }),
      listener,
      false,
    );
    requireFinite((await live?.events()) ?? []);
    live?.close();
  }
  await readRunState(resultTree(`${path}/..`, basename(path), 1));
}

function requireFinite(events: unknown): void {
  const bad = JSON.stringify(events, (_key, value) =>
    Number.isNaN(value) || Math.abs(value) === Infinity ? "!!" : value,
  );
  if (bad.includes('"!!"')) throw new Error("a number that is not finite in an event");
}

function requireName(message: string, path: string): void {
  if (!message.includes(basename(path))) throw new Error(`no file is named: ${message}`);
}

const EXPECTED = [CheckpointError, ImageError, RunStateError, DamagedFileError, Refusal];

async function judge({ kind, path }: Question): Promise<Omit<Verdict, "memory">> {
  try {
    await READERS[kind](path);
    return { read: true };
  } catch (error) {
    if (!EXPECTED.some((known) => error instanceof known)) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { read: false, fault: text.split("\n").slice(0, 4).join(" | ") };
    }
    const { message } = error as Error;
    if (error instanceof Refusal || kind === "record" || message.includes(basename(path)))
      return { read: false };
    return { read: false, fault: `no file is named: ${message}` };
  }
}

process.on("message", async (question: Question) => {
  const verdict = await judge(question);
  process.send?.({ ...verdict, memory: process.resourceUsage().maxRSS * 1024 } satisfies Verdict);
});
