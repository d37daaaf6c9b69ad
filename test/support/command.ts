/** Running the command as a parent process does. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Problem, RunEvent } from "../../src/facts/run-events.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Node's arguments that run the trainer: its sources, or the bundle that `BIAPY_CLI` names. */
export const TRAINER: readonly string[] = process.env.BIAPY_CLI
  ? [process.env.BIAPY_CLI]
  : // A URL: on Windows a path is not taken.
    ["--import", new URL("../register.mjs", import.meta.url).href, join(root, "src/cli/main.ts")];

/** A folder of the sample images: `2d/train`. */
export const samples = (folder: string): string => join(root, "media/samples", folder);

/** Windows has no signal that asks a process to stop. */
const BY_MESSAGE = process.platform === "win32";

/** Asks the command to stop after its step, as Ctrl+C does. */
export function stop(child: ChildProcess): void {
  if (BY_MESSAGE) child.send("stop");
  else child.kill("SIGINT");
}

export interface Result {
  readonly code: number | null;
  readonly events: readonly RunEvent[];
}

/** Runs the command with `--events`; `watch` sees each event as it comes. */
export function biapy(
  args: readonly string[],
  watch: (event: RunEvent, child: ChildProcess) => void = () => {},
): Promise<Result> {
  return new Promise((resolve) => {
    const command = [...TRAINER, ...args, "--events"];
    const child = spawn(process.execPath, command, {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit", ...(BY_MESSAGE ? (["ipc"] as const) : [])],
    });
    const events: RunEvent[] = [];
    let rest = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const event = JSON.parse(line) as RunEvent;
        events.push(event);
        watch(event, child);
      }
    });
    child.on("close", (code) => resolve({ code, events }));
  });
}

export interface Workspace {
  readonly folder: string;
  readonly results: string;
  /** The command's arguments for run 1 (or another) of the job `job`. */
  arguments(run?: number): string[];
}

export async function workspace(configuration: string): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), "run-"));
  const config = join(folder, "job.yaml");
  await writeFile(config, configuration);
  const results = join(folder, "results");
  return {
    folder,
    results,
    arguments: (run = 1) => [
      "--config",
      config,
      "--result_dir",
      results,
      "--name",
      "job",
      "--run_id",
      String(run),
    ],
  };
}

export const problemsOf = ({ events }: Result): Problem[] =>
  events.flatMap((event) => (event.event === "problems" ? event.problems : []));

/** The validation loss of every epoch. */
export const validationLosses = ({ events }: Result): number[] =>
  events.flatMap((event) => (event.event === "epoch" ? [event.validation?.loss ?? Number.NaN] : []));

/** The rows of a run's log of epochs, without their times. */
export async function logRows(results: string, run: number): Promise<object[]> {
  const log = await readFile(join(results, `job/results/job_${run}/train_logs/job_${run}_log.jsonl`), "utf8");
  return log
    .trim()
    .split("\n")
    .map((line) => ({ ...JSON.parse(line), seconds: 0 }));
}
