/** Whole files of every kind that this program reads, to be damaged. */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const KINDS = ["tiff", "zarr", "hdf5", "pth", "safetensors", "npy", "yaml", "record"] as const;
export type Kind = (typeof KINDS)[number];

export interface Sample {
  readonly kind: Kind;
  /** What is given to the reader: a file, or a folder. */
  readonly path: string;
  /** The files that may be damaged, relative to `path`; one empty name for a file. */
  readonly files: readonly string[];
}

const FIXTURES = join(import.meta.dirname, "../fixtures");

const named = (folder: string, pattern: RegExp) =>
  readdirSync(join(FIXTURES, folder))
    .filter((name) => pattern.test(name) && !/^broken/.test(name))
    .map((name) => join(FIXTURES, folder, name));

const files = (kind: Kind, paths: readonly string[]): Sample[] =>
  paths.map((path) => ({ kind, path, files: [""] }));

const folder = (kind: Kind, path: string): Sample => ({
  kind,
  path,
  files: readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length)),
});

/** @param scratch a folder for those that are made here */
export function samples(scratch: string): Sample[] {
  return [
    ...files("tiff", named("images", /\.tif$/)),
    ...named("images", /\.zarr$/).map((path) => folder("zarr", path)),
    ...files("hdf5", named("images", /\.h5$/)),
    ...files("pth", named("checkpoint", /\.pth$/)),
    ...files("safetensors", named("checkpoint", /\.safetensors$/)),
    ...files("npy", named("checkpoint", /\.npy$/)),
    ...files(
      "yaml",
      readdirSync("templates").flatMap((name) => (name.endsWith(".yaml") ? [join("templates", name)] : [])),
    ),
    folder("record", writeJob(join(scratch, "job"))),
  ];
}

/** Writes a job with every kind of file that runs write. Returns its folder. */
function writeJob(path: string): string {
  const write = (name: string, text: string) => {
    mkdirSync(join(path, name, ".."), { recursive: true });
    writeFileSync(join(path, name), text);
  };
  const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const order = {
    resultDirectory: "/results",
    name: "job",
    runId: 1,
    configFile: "/job.yaml",
    resume: false,
    gpu: "",
    workingDirectory: "/",
  };
  const record = {
    order,
    engine: "embedded",
    device: "cpu",
    queue: "/queue",
    command: { command: "node", args: ["cli.mjs"], cwd: "/", output: "events" },
    stopSeconds: 60,
    created: 1,
    address: "/tmp/biapy-0123456789abcdef01234567.sock",
    started: 2,
    ended: { time: 3, status: "finished" },
  };
  const state = {
    format: 1,
    training: "0123456789abcdef",
    status: "stopped",
    epoch: 2,
    step: 3,
    epochs: 9,
    best: { epoch: 2, loss: 0.5 },
    trained: false,
    time: 3,
  };
  const metrics = { loss: 0.5, psnr: 20 };
  const events = [
    {
      event: "start",
      time: 1,
      name: "job",
      runId: 1,
      pid: 2,
      jobDirectory: path,
      runDirectory: path,
      configFile: "/job.yaml",
      engine: "embedded",
      device: "CPU",
      architecture: "mae",
      parameters: 9,
      epochs: 3,
      stepsPerEpoch: 4,
      firstEpoch: 1,
    },
    {
      event: "step",
      time: 2,
      epoch: 1,
      step: 1,
      steps: 4,
      metrics,
      learningRate: 0.001,
      stepSeconds: 0.1,
      secondsLeft: 3,
    },
    {
      event: "epoch",
      time: 3,
      epoch: 1,
      epochs: 3,
      train: metrics,
      validation: metrics,
      learningRate: 0.001,
      seconds: 3,
      secondsLeft: 3,
      memoryBytes: 5,
      best: true,
    },
    { event: "image", time: 3, kind: "prediction", image: "a.tif", files: { original: "/a.tif" } },
    {
      event: "problems",
      time: 3,
      problems: [{ severity: "error", message: "wrong", file: "/a.yaml", line: 1, column: 2 }],
    },
    { event: "end", time: 4, status: "finished", runDirectory: path },
  ];
  const row = { epoch: 1, train_loss: 1, train_psnr: 9, val_loss: 2, lr: 0.001, seconds: 3 };
  write(".biapy-studio/job_1/run.json", JSON.stringify(record, null, 2));
  write(".biapy-studio/job_1/state.json", JSON.stringify(state, null, 2));
  write(".biapy-studio/job_1/events.jsonl", lines(events));
  write("results/job_1/train_logs/job_1_log.jsonl", lines([row, { ...row, epoch: 2 }]));
  cpSync(join(FIXTURES, "biapy-run/training_log.json"), join(path, "logs/job_2_log_2026_training_log.json"));
  write("logs/job_2_log_2026.txt", `${readFileSync(join(FIXTURES, "biapy-run/console.txt"), "utf8")}\n`);
  write("config_files/job.yaml", readFileSync("templates/demo.biapy.yaml", "utf8"));
  return path;
}
