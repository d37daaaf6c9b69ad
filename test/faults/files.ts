/** Damaged files of every kind: each is read or refused by name, within seconds and a gigabyte, and nothing crashes. */
import { type ChildProcess, fork } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Random } from "../../src/data/random.ts";
import type { Verdict } from "./judge.ts";
import { damaged } from "./mutations.ts";
import type { Fault } from "./report.ts";
import { KINDS, type Kind, type Sample, samples } from "./samples.ts";

const LONGEST_MS = 5000;
const MOST_MEMORY = 2 ** 30;

export interface FileSettings {
  readonly folder: string;
  readonly random: Random;
  readonly count: number;
  /** Where files that were not judged as they should be are kept. */
  readonly keep?: string;
  readonly report: (done: number, what: string) => void;
}

interface Tally {
  files: number;
  read: number;
  refused: number;
  slowest: number;
  memory: number;
}

export async function runFiles({ folder, random, count, keep, report }: FileSettings) {
  mkdirSync(folder, { recursive: true });
  const all = samples(folder);
  const tallies = new Map<Kind, Tally>();
  const faults: Fault[] = [];
  const judge = new Judge();
  for (let index = 0; index < count; index++) {
    const chance = random.fork(index);
    const kind = KINDS[index % KINDS.length];
    const ofKind = all.filter((sample) => sample.kind === kind);
    const sample = ofKind[chance.integer(ofKind.length)];
    const path = damagedCopy(sample, folder, index, chance);
    const { seconds, ...verdict } = await judge.ask(kind, path);
    const tally = tallies.get(kind) ?? { files: 0, read: 0, refused: 0, slowest: 0, memory: 0 };
    tally.files++;
    if (verdict.fault === undefined) tally[verdict.read ? "read" : "refused"]++;
    tally.slowest = Math.max(tally.slowest, seconds);
    tally.memory = Math.max(tally.memory, verdict.memory);
    tallies.set(kind, tally);
    if (verdict.fault !== undefined) {
      faults.push({ subject: `file ${index} (${basename(sample.path)})`, message: verdict.fault });
      if (keep !== undefined) cpSync(path, join(keep, basename(path)), { recursive: true });
    }
    rmSync(path, { recursive: true, force: true });
    report(index + 1, kind);
  }
  judge.close();
  const rows = [...tallies].map(([kind, { files, read, refused, slowest, memory }]) => [
    kind,
    files,
    read,
    refused,
    slowest.toFixed(1),
    Math.round(memory / 2 ** 20),
  ]);
  return { rows, faults };
}

/** A copy of a sample with one of its files damaged or missing. */
function damagedCopy({ kind, path, files }: Sample, folder: string, index: number, random: Random): string {
  const isFolder = files[0] !== "";
  // A job's folder gives its runs their name.
  const copy = join(folder, String(index), basename(path));
  mkdirSync(join(folder, String(index)), { recursive: true });
  if (isFolder) cpSync(path, copy, { recursive: true });
  else copyFileSync(path, copy);
  const file = join(copy, files[random.integer(files.length)]);
  if (isFolder && random.uniform() < 0.05) rmSync(file);
  else {
    const isText = kind === "yaml" || kind === "record" || /\.(json|zattrs|zarray|zgroup)$/.test(file);
    writeFileSync(file, damaged(readFileSync(file), isText, random));
  }
  return copy;
}

/** The process that reads, which is started again when it crashed, hung, or took too much memory. */
class Judge {
  private process: ChildProcess | undefined;
  /** What it printed besides its answer. */
  private printed = "";

  async ask(kind: Kind, path: string): Promise<Verdict & { readonly seconds: number }> {
    const child = this.process ?? (await this.start());
    const started = performance.now();
    const verdict = await new Promise<Verdict>((resolve) => {
      const none = { read: false, memory: 0 };
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        done({ ...none, fault: `no answer within ${LONGEST_MS / 1000} s` });
      }, LONGEST_MS);
      const exited = (code: number | null, signal: string | null) =>
        done({ ...none, fault: `the process ended (${signal ?? code})` });
      const done = (answer: Verdict) => {
        clearTimeout(timer);
        if (answer.fault === undefined && this.printed !== "")
          answer = { ...answer, fault: `a library printed: ${this.printed.slice(0, 200)}` };
        this.printed = "";
        child.off("exit", exited);
        child.removeAllListeners("message");
        resolve(answer);
      };
      child.once("message", (answer) => done(answer as Verdict));
      child.once("exit", exited);
      child.send({ kind, path });
    });
    const seconds = (performance.now() - started) / 1000;
    const tooMuch = verdict.memory > MOST_MEMORY;
    if (verdict.fault !== undefined || tooMuch) {
      child.kill("SIGKILL");
      this.process = undefined;
    }
    if (!tooMuch || verdict.fault !== undefined) return { ...verdict, seconds };
    return { ...verdict, seconds, fault: `it took ${Math.round(verdict.memory / 2 ** 20)} MB` };
  }

  /** Starts the process, and waits until it has loaded all readers. */
  private async start(): Promise<ChildProcess> {
    const child = fork(join(import.meta.dirname, "judge.ts"), {
      execArgv: ["--import", "./test/register.mjs"],
    });
    this.process = child;
    const answered = new Promise<void>((resolve) => child.once("message", () => resolve()));
    child.send({ kind: "hdf5", path: join(import.meta.dirname, "../fixtures/images/zyxc.h5") });
    await answered;
    return child;
  }

  close(): void {
    this.process?.kill();
  }
}
