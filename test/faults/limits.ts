/** Cases that are the same each time: limits of the system, files that change while a run trains, and texts of extreme form. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import pLimit from "p-limit";
import { resultTree } from "../../src/facts/result-tree.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { tinyConfig, writeImages } from "../support/tiny-configuration.ts";
import type { Fault } from "./report.ts";

const CLI = "dist/cli.mjs";
/** No case takes more than a few seconds on an idle machine. */
const LONGEST_MS = 60_000;
/** More than a run keeps open: what was replaced or removed is opened again. */
const IMAGES = 24;
/** A configuration is refused within this processor time. */
const VERDICT_SECONDS = 5;

interface Outcome {
  readonly code: number | null;
  readonly output: string;
  /** Processor time of the whole process tree. */
  readonly seconds: number;
}

interface Started {
  /** A command of the shell before the program, such as `ulimit -n 64`. */
  readonly limit?: string;
  readonly node?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Called at the first line of output that matches. */
  readonly at?: readonly [line: RegExp, act: () => void];
}

function program(args: readonly string[], { limit, node = [], env, at }: Started = {}): Promise<Outcome> {
  const shell = `${limit ?? ":"}; TIMEFORMAT='processor %U %S'; time "$@"`;
  const child: ChildProcess = spawn("bash", ["-c", shell, "bash", process.execPath, ...node, CLI, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    detached: true,
  });
  let [output, acted] = ["", false];
  const hear = (chunk: Buffer) => {
    output += chunk.toString();
    if (at === undefined || acted || !at[0].test(output)) return;
    acted = true;
    at[1]();
  };
  child.stdout?.on("data", hear);
  child.stderr?.on("data", hear);
  const timer = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, "SIGKILL"), LONGEST_MS);
  return new Promise((resolve) =>
    child.once("close", (code) => {
      clearTimeout(timer);
      const [, user = "0", system = "0"] = /processor ([\d.]+) ([\d.]+)/.exec(output) ?? [];
      resolve({ code, output, seconds: Number(user) + Number(system) });
    }),
  );
}

/** What is wrong with an end that should be an error in words. */
function wordless({ code, output }: Outcome, codes: readonly number[], words: RegExp): string[] {
  const faults: string[] = [];
  if (code === null || !codes.includes(code)) faults.push(`it ended with ${code}`);
  if (code !== 0 && !words.test(output)) faults.push("the words do not say what is wrong");
  if (/\n\s+at |<--- |FATAL ERROR|# Fatal/.test(output)) faults.push("a stack trace");
  return faults.map((fault) => `${fault}: ${output.slice(-600)}`);
}

interface Place {
  readonly folder: string;
  readonly images: string;
  /** Arguments that train for so many epochs, with other lines in the configuration. */
  train(epochs: number, more?: string): string[];
}

async function placeIn(folder: string): Promise<Place> {
  const images = await writeImages(join(folder, "images"), IMAGES);
  return {
    folder,
    images,
    train(epochs, more = "") {
      const config = join(folder, "job.yaml");
      const text = tinyConfig(images, { epochs }).replace("TRAIN: {PATH:", "TRAIN: {IN_MEMORY: False, PATH:");
      writeFileSync(config, `${text}SYSTEM: {NUM_CPUS: 1}\n${more}`);
      return ["--config", config, "--result_dir", join(folder, "results"), "--name", "job", "--gpu", ""];
    },
  };
}

/** A configuration that is refused by name, in time, without a flood of words. */
async function refused({ folder }: Place, text: string): Promise<string[]> {
  const config = join(folder, "text.yaml");
  writeFileSync(config, text);
  const outcome = await program([
    "--config",
    config,
    "--name",
    "job",
    "--result_dir",
    join(folder, "results"),
  ]);
  const faults = wordless(outcome, [2], /text\.yaml/);
  if (outcome.seconds > VERDICT_SECONDS) faults.push(`it took ${outcome.seconds} s of processor time`);
  if (outcome.output.length > 100_000) faults.push(`it printed ${outcome.output.length} characters`);
  return faults;
}

/** An image that changes when the second epoch has ended. */
async function changed(place: Place, change: (image: string) => Promise<void> | void): Promise<string[]> {
  const image = join(place.images, "image-2.tif");
  const args = place.train(200);
  const outcome = await program(args, { at: [/Epoch 2\//, () => void change(image)] });
  const faults = wordless(outcome, [2], /image-2\.tif/);
  const { lastCheckpoint, bestCheckpoint } = resultTree(join(place.folder, "results"), "job", 1);
  if (!existsSync(lastCheckpoint) && !existsSync(bestCheckpoint)) faults.push("the checkpoints are gone");
  return faults;
}

/** A disk of a megabyte, where this user may mount one. The act happens after the second epoch. */
async function onSmallDisk(place: Place, size: string, act: (disk: string) => void): Promise<string[]> {
  const disk = join(place.folder, "results");
  mkdirSync(disk);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", disk]).status !== 0) {
    console.log("SKIPPED: a small disk; this user may not mount one.");
    return [];
  }
  try {
    const outcome = await program(place.train(300), { at: [/Epoch 2\//, () => act(disk)] });
    const faults = wordless(outcome, [1], /could not be written: the disk/);
    if (!outcome.output.includes("job")) faults.push("no file is named");
    return faults;
  } finally {
    spawnSync("umount", ["-l", disk]);
  }
}

/** `a: &a [x, x, …]`, `b: &b [*a, *a, …]`, and so on. */
function aliasBomb(levels: number): string {
  const names = Array.from({ length: levels }, (_, level) => `k${level}`);
  return names
    .map(
      (name, level) =>
        `${name}: &${name} [${Array(9)
          .fill(level === 0 ? "x" : `*k${level - 1}`)
          .join(", ")}]`,
    )
    .join("\n");
}

/** A clock that is set back by a day, a second after the start. */
const CLOCK = `data:text/javascript,${encodeURIComponent(
  "const now = Date.now; const start = now(); Date.now = () => now() - (now() - start > 1000 ? 86400000 : 0);",
)}`;

const heap = (megabytes: number) => ({ NODE_OPTIONS: `--max-old-space-size=${megabytes}` });

const FULL_HEAP = /take more memory than Node\.js allows.*--max-old-space-size/;
const LITTLE_MEMORY = /too little free memory|too little memory/;

const CASES: Readonly<Record<string, (place: Place) => Promise<string[]>>> = {
  "64 open files": async (place) =>
    wordless(await program(place.train(2), { limit: "ulimit -n 64" }), [0, 1], /files are open/i),
  "40 open files": async (place) =>
    wordless(await program(place.train(2), { limit: "ulimit -n 40" }), [0, 1], /files are open/i),
  "128 open files": async (place) =>
    wordless(await program(place.train(2), { limit: "ulimit -n 128" }), [0], /./),
  "64 open files, inspecting": async ({ images }) =>
    wordless(await program(["--inspect", images], { limit: "ulimit -n 64" }), [0, 1], /files are open/i),
  ...Object.fromEntries(
    [1, 2, 5].flatMap((gigabytes) => {
      const limit = `ulimit -v ${gigabytes * 2 ** 20}`;
      return [
        [
          `${gigabytes} GB of addresses`,
          async (place: Place) => wordless(await program(place.train(2), { limit }), [0, 1], LITTLE_MEMORY),
        ],
        [
          `${gigabytes} GB of addresses, inspecting`,
          async ({ images }: Place) =>
            wordless(await program(["--inspect", images], { limit }), [0, 1, 2], LITTLE_MEMORY),
        ],
      ];
    }),
  ),
  "a full heap, training": async (place) =>
    wordless(await program(place.train(9), { env: heap(16) }), [1], FULL_HEAP),
  "a full heap, inspecting": async ({ images }) =>
    wordless(await program(["--inspect", images], { env: heap(8) }), [1], FULL_HEAP),
  "an image cut short while training": (place) => changed(place, (image) => truncateSync(image, 500)),
  "an image emptied while training": (place) => changed(place, (image) => truncateSync(image, 0)),
  "an image overwritten while training": (place) =>
    changed(place, (image) => writeFileSync(image, Buffer.alloc(readFileSync(image).length, 0x49))),
  "an image replaced by a smaller one while training": (place) =>
    changed(place, async (image) => {
      const data = new Float32Array(8 * 8);
      await writeTiff(`${image}.new`, { shape: [1, 8, 8, 1], sampleType: "float32", data });
      renameSync(`${image}.new`, image);
    }),
  "an image removed while training": (place) => changed(place, (image) => rmSync(image)),
  "aliases of 9^20 values": (place) => refused(place, aliasBomb(20)),
  "an alias of itself": (place) => refused(place, "a: &a [*a]\n"),
  "8,000 unknown keys": (place) =>
    refused(place, Array.from({ length: 8000 }, (_, key) => `KEY_${key}: ${key}`).join("\n")),
  "8,000 unknown keys in a group": (place) =>
    refused(place, `MODEL:\n${Array.from({ length: 8000 }, (_, key) => `  KEY_${key}: ${key}`).join("\n")}`),
  "a line of 64 MB": (place) => refused(place, `DATA: ${"x".repeat(64 << 20)}`),
  "a quoted line of a megabyte": (place) => refused(place, `DATA: "${"x".repeat(1_000_000)}"`),
  "a list of 300,000 numbers": (place) => refused(place, `DATA: {PATCH_SIZE: [${"1,".repeat(300_000)}1]}`),
  "100,000 brackets": (place) => refused(place, `DATA: ${"[".repeat(100_000)}`),
  "a full disk": (place) =>
    onSmallDisk(place, "1m", (disk) => {
      try {
        writeFileSync(join(disk, "filling"), Buffer.alloc(2 << 20));
      } catch {
        // It is full.
      }
    }),
  "a disk that becomes read-only": (place) =>
    onSmallDisk(place, "64m", (disk) => {
      // The system refuses while a file is open for writing.
      while (spawnSync("mount", ["-o", "remount,ro", disk]).status !== 0 && existsSync(disk));
    }),
  "a clock that is set back": async (place) => {
    const args = place.train(12);
    const first = await program(args, { node: ["--import", CLOCK] });
    const again = await program([...args, "--resume"]);
    return [...wordless(first, [0], /./), ...wordless(again, [0], /./)];
  },
};

/** Cases that run at once: while one waits for a limit, another computes. */
const TOGETHER = 2;

/** Runs all cases. */
export async function runLimits(
  folder: string,
  report: (done: number, what: string) => void,
  only = "",
): Promise<{ readonly count: number; readonly faults: readonly Fault[] }> {
  const faults: Fault[] = [];
  const cases = Object.entries(CASES).filter(([name]) => name.includes(only));
  let done = 0;
  const one = async ([name, run]: (typeof cases)[number], index: number) => {
    const own = join(folder, String(index));
    mkdirSync(own, { recursive: true });
    const found = await run(await placeIn(own));
    faults.push(...found.map((message) => ({ subject: name, message })));
    rmSync(own, { recursive: true, force: true });
    report(++done, basename(name));
  };
  const limit = pLimit(TOGETHER);
  await Promise.all(cases.map((each, index) => limit(one, each, index)));
  return { count: cases.length, faults };
}
