/**
 * Trainings that are killed, stopped or run out of disk at random moments. After each, what the files say of the run must be true,
 * and resuming must end where a run that was never interrupted ends: the same log, the same weights.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import pLimit from "p-limit";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import type { Random } from "../../src/data/random.ts";
import { type ResultTree, resultTree } from "../../src/facts/result-tree.ts";
import { type RunState, readRunState } from "../../src/facts/run-state.ts";
import { rowsIn } from "../../src/results/log-rows.ts";
import { runsOf } from "../../src/results/run-folders.ts";
import { trainLogPath } from "../../src/results/train-log.ts";
import { readHeader } from "../../src/workflow/run-checkpoint.ts";
import { tinyConfig, writeImages } from "../support/tiny-configuration.ts";
import type { Fault } from "./report.ts";

const NAME = "job";
const CLI = "dist/cli.mjs";
/** A run of these sizes takes two seconds; one that is still there after this hangs. */
const LONGEST_MS = 60_000;

/** Trainings that run at once: starting a process leaves a processor idle now and then. */
const TOGETHER = 3;

/** A configuration with the results of a run that was left alone. */
interface Reference {
  readonly config: string;
  readonly results: string;
  readonly weights: string;
  readonly log: string;
  /** Events that the run wrote. */
  readonly events: number;
}

/** How a run is hurt. */
const KINDS = ["kill", "kill at a file", "stop", "stop twice", "full disk"] as const;
type Kind = (typeof KINDS)[number];

/** Parts of names of files that are being written when the run is hurt. */
const FILES = [
  "-best.pth",
  "-last.pth",
  "state.json",
  "earlier",
  "_log.jsonl",
  "charts",
  "per_image",
  "tfevents",
];

export interface KillSettings {
  readonly folder: string;
  readonly random: Random;
  readonly count: number;
  readonly report: (done: number, what: string) => void;
}

export interface KillResult {
  readonly counts: Readonly<Record<string, number>>;
  readonly faults: readonly Fault[];
}

export async function runKills({ folder, random, count, report }: KillSettings): Promise<KillResult> {
  const images = await writeImages(join(folder, "images"), 5);
  const references: Reference[] = [];
  for (let index = 0; index < Math.max(2, Math.ceil(count / 25)); index++)
    references.push(await makeReference(join(folder, `reference-${index}`), images, random));
  const counts: Record<string, number> = {};
  const faults: Fault[] = [];
  let done = 0;
  const one = async (index: number) => {
    const chance = random.fork(index);
    const own = references[chance.integer(references.length)];
    const over = chance.uniform() < 0.4 ? references[chance.integer(references.length)] : undefined;
    const kind = KINDS[index % KINDS.length];
    const what = `${kind}${over === undefined ? "" : ", over an earlier run"}`;
    const place = join(folder, `case-${index}`);
    const found = await hurt(place, { kind, own, over, random: chance });
    counts[what] = (counts[what] ?? 0) + 1;
    faults.push(...found.map((message) => ({ subject: `interruption ${index} (${what})`, message })));
    rmSync(place, { recursive: true, force: true });
    report(++done, what);
  };
  const limit = pLimit(TOGETHER);
  await Promise.all(Array.from({ length: count }, (_, index) => limit(one, index)));
  return { counts, faults };
}

/** Draws a configuration and runs it undisturbed. */
async function makeReference(folder: string, images: string, random: Random): Promise<Reference> {
  mkdirSync(folder, { recursive: true });
  const optimizer = ["ADAMW", "ADAM", "SGD"][random.integer(3)];
  const train = ["", "PATIENCE: 1", "GRADIENT_CLIP_NORM: 1.0"][random.integer(3)];
  const text = tinyConfig(images, {
    epochs: 1 + random.integer(4),
    batch: 1 + random.integer(12),
    test: random.uniform() < 0.5,
    validation: random.uniform() < 0.7,
    train,
    model: random.uniform() < 0.3 ? "SAVE_CKPT_FREQ: 1" : "",
  });
  const config = join(folder, "job.yaml");
  writeFileSync(config, `${text.replace("ADAMW", optimizer)}SYSTEM: {NUM_CPUS: 1}\n`);
  const results = join(folder, "results");
  const { code, lines, errors } = await trainer(config, results, []).ended;
  if (code !== 0)
    throw new Error(`A run that nothing disturbed ended with ${code}: ${errors}${lines.at(-1)}`);
  const tree = treeOf(results);
  return { config, results, events: lines.length, weights: await weightsOf(tree), log: logOf(tree) };
}

const treeOf = (results: string): ResultTree => resultTree(results, NAME, 1);

interface Ended {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

interface TrainerSettings {
  /** Limit on the size of files, in units of 512 bytes. */
  readonly fileBlocks?: number;
  /** Whether the process that is started trains, and no second one: it is to be killed. */
  readonly alone?: boolean;
}

/** Starts the command line, and collects its events. */
function trainer(
  config: string,
  results: string,
  more: readonly string[],
  { fileBlocks, alone = false }: TrainerSettings = {},
) {
  const args = [
    CLI,
    "--config",
    config,
    "--result_dir",
    results,
    "--name",
    NAME,
    "--gpu",
    "",
    "--events",
    ...more,
  ];
  const limited = ["-c", `ulimit -f ${fileBlocks}; exec "$@"`, "bash", process.execPath, ...args];
  const [command, all] = fileBlocks === undefined ? [process.execPath, args] : ["bash", limited];
  // A process that has a channel to its parent starts no second one.
  const stdio = ["pipe", "pipe", "pipe", ...(alone ? (["ipc"] as const) : [])] as const;
  const child = spawn(command, all, { stdio: [...stdio] });
  const lines: string[] = [];
  let [rest, errors] = ["", ""];
  let heard: (() => void) | undefined;
  child.stdout?.on("data", (chunk: Buffer) => {
    const all = (rest + chunk.toString()).split("\n");
    rest = all.pop() ?? "";
    lines.push(...all);
    heard?.();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), LONGEST_MS);
  const ended = new Promise<Ended>((resolve) =>
    child.once("close", (code) => {
      clearTimeout(timer);
      heard?.();
      resolve({ code, lines, errors });
    }),
  );
  /** Resolves when so many events were written, or the process has ended. */
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      heard = () => {
        if (lines.length >= count || child.exitCode !== null || child.signalCode !== null) resolve();
      };
      heard();
    });
  return { child, ended, until };
}

interface Case {
  readonly kind: Kind;
  readonly own: Reference;
  /** The earlier run in the same place. */
  readonly over: Reference | undefined;
  readonly random: Random;
}

/** Hurts one run, and returns what was false afterwards. */
async function hurt(folder: string, { kind, own, over, random }: Case): Promise<string[]> {
  const results = join(folder, "results");
  mkdirSync(results, { recursive: true });
  if (over !== undefined) cpSync(over.results, results, { recursive: true });
  const tree = treeOf(results);
  const before = await readRunState(tree);
  const faults: string[] = [];
  // Some are hurt again while they resume.
  const rounds = 1 + random.integer(2);
  let begun = false;
  for (let round = 0; round < rounds; round++) {
    const resume = begun ? ["--resume"] : [];
    const ended = await hurtOnce(kind, own, results, resume, random);
    const state = await readRunState(tree).catch((error: Error) => error.message);
    if (typeof state === "string") return [`the state cannot be read: ${state}`];
    begun = state !== undefined && state.training !== before?.training;
    faults.push(...(await falsehoods(tree, state, ended, kind)));
    if (over !== undefined) faults.push(...(await lossesOf(tree, over, begun)));
    if (faults.length > 0) return faults;
  }
  const { code, lines, errors } = await trainer(own.config, results, begun ? ["--resume"] : []).ended;
  if (code !== 0) return [`resuming ended with ${code}: ${errors}${lines.slice(-2).join(" ")}`];
  const state = await readRunState(tree);
  if (state?.status !== "finished" || !state.trained) faults.push(`it was resumed to ${state?.status}`);
  if (logOf(tree) !== own.log) faults.push("the log of the resumed run is not that of one left alone");
  if ((await weightsOf(tree)) !== own.weights) faults.push("the weights are not those of a run left alone");
  if (over !== undefined) faults.push(...(await lossesOf(tree, over, true)));
  const left = readdirSync(tree.checkpoints).filter((name) => name.endsWith(".tmp"));
  if (left.length > 0) faults.push(`${left.join(", ")} stayed behind`);
  return faults;
}

/** Runs the trainer and hurts it at a random moment. */
async function hurtOnce(
  kind: Kind,
  own: Reference,
  results: string,
  more: readonly string[],
  random: Random,
): Promise<Ended> {
  if (kind === "full disk")
    return trainer(own.config, results, more, { fileBlocks: 1 + random.integer(64) }).ended;
  const { child, ended, until } = trainer(own.config, results, more, {
    alone: kind === "kill" || kind === "kill at a file",
  });
  if (kind === "kill at a file") await seen(results, FILES[random.integer(FILES.length)], child);
  else await until(1 + random.integer(own.events));
  await wait(random.integer(3) === 0 ? random.integer(40) : 0);
  if (kind === "stop" || kind === "stop twice") {
    child.kill((["SIGINT", "SIGTERM", "SIGHUP"] as const)[random.integer(3)]);
    if (kind === "stop twice") {
      await wait(random.integer(30));
      child.kill("SIGINT");
    }
  } else child.kill("SIGKILL");
  return ended;
}

/** Waits until a file whose path holds `part` is written, or the process has ended. */
async function seen(results: string, part: string, child: ChildProcess): Promise<void> {
  const found = new AbortController();
  const watcher = watch(results, { recursive: true }, (_event, name) => {
    if (name?.includes(part)) found.abort();
  });
  // A folder that was moved before it could be watched is no matter.
  watcher.on("error", () => {});
  child.once("exit", () => found.abort());
  await new Promise<void>((resolve) => {
    if (found.signal.aborted) resolve();
    found.signal.addEventListener("abort", () => resolve());
  });
  watcher.close();
}

/** What is not true of a run that has been hurt. */
async function falsehoods(
  tree: ResultTree,
  state: RunState | undefined,
  { code, lines, errors }: Ended,
  kind: Kind,
): Promise<string[]> {
  const faults: string[] = [];
  const end = lines.findLast((line) => line.includes('"event":"end"'));
  if (code === 0 && state?.status !== "finished")
    faults.push(`it ended well, and its state says ${state?.status}`);
  if (
    code === 130 &&
    kind === "stop" &&
    state !== undefined &&
    !["stopped", "finished"].includes(state.status)
  )
    faults.push(`it was stopped, and its state says ${state.status}`);
  // A signal that arrives when all is done, while Node.js ends the process, ends it.
  const allDone = code === null && end?.includes('"status":"finished"') === true;
  if (kind === "stop" && code !== 130 && code !== 0 && !allDone)
    faults.push(`it was stopped and ended with ${code}: ${errors}`);
  if (kind === "full disk" && code !== 0) {
    if (code !== 1) faults.push(`a full disk ended it with ${code}`);
    if (end === undefined || !end.includes(basename(tree.jobDirectory)))
      faults.push(`no file is named: ${end}`);
  }
  if (/\n\s+at /.test(errors)) faults.push(`a stack trace: ${errors.slice(0, 500)}`);
  if (state === undefined) return faults;
  faults.push(...(await falseCheckpoints(tree, state)));
  const done = rowsIn(existsSync(trainLogPath(tree)) ? readFileSync(trainLogPath(tree), "utf8") : "").length;
  if (state.settingAside !== true && done < state.epoch)
    faults.push(`the log has ${done} of ${state.epoch} epochs`);
  if (state.status === "finished" && !state.trained)
    faults.push("it says that it finished, not that it was trained");
  const [listed] = await runsOf(tree.jobDirectory);
  const shown = state.status === "training" || state.status === "testing" ? "interrupted" : state.status;
  if (listed.status !== shown) faults.push(`the results browser shows ${listed.status} for ${state.status}`);
  return faults;
}

/** Checkpoints in the run's place that cannot be read whole, or are not the training's that the state names. */
async function falseCheckpoints(tree: ResultTree, state: RunState): Promise<string[]> {
  const faults: string[] = [];
  let furthest = -1;
  for (const path of checkpointsIn(tree.checkpoints)) {
    const name = basename(path);
    try {
      const header = await readHeader(path);
      await weightsIn(path);
      if (header?.identity.training === state.training)
        furthest = Math.max(furthest, header.state.epoch + header.state.step / 1e6);
      else if (state.settingAside !== true) faults.push(`${name} is of another training`);
    } catch (error) {
      faults.push(`${name} cannot be read: ${error instanceof Error ? error.message : error}`);
    }
  }
  const said = state.epoch + state.step / 1e6;
  if (said > 0 && said > furthest) faults.push(`its state says epoch ${said}, its checkpoints ${furthest}`);
  if (state.trained && !existsSync(tree.bestCheckpoint))
    faults.push("it was trained, and has no best checkpoint");
  return faults;
}

/** Parts of an earlier run that are neither in its place nor where they were moved to. */
async function lossesOf(tree: ResultTree, over: Reference, begun: boolean): Promise<string[]> {
  const kept = join(tree.earlier, basename(tree.bestCheckpoint));
  const places = begun ? [kept, tree.bestCheckpoint] : [tree.bestCheckpoint];
  for (const path of places) if (existsSync(path) && (await weightsIn(path)) === over.weights) return [];
  return ["the best checkpoint of the earlier run is lost"];
}

function checkpointsIn(folder: string): string[] {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => name.endsWith(".pth")).map((name) => join(folder, name));
}

async function weightsOf(tree: ResultTree): Promise<string> {
  return weightsIn(tree.bestCheckpoint);
}

/** All weights and moments of a checkpoint, as text to compare. */
async function weightsIn(path: string): Promise<string> {
  const checkpoint = await loadBiapyCheckpoint(path);
  try {
    const values: string[] = [];
    for (const [name, tensor] of checkpoint.weights) {
      const data = await tensor.read();
      values.push(`${name} ${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64")}`);
    }
    return values.join("\n");
  } finally {
    await checkpoint.close();
  }
}

/** The log without durations. */
function logOf(tree: ResultTree): string {
  return rowsIn(readFileSync(trainLogPath(tree), "utf8"))
    .map((row) => JSON.stringify({ ...row, seconds: 0 }))
    .join("\n");
}
