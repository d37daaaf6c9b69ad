/** What the results browser shows: runs and their files in both trees, and a configuration that starts from a checkpoint. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, test } from "node:test";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { isSample, writeSample } from "../../src/extension/commands/sample-workspace.ts";
import { startingFrom } from "../../src/extension/results/checkpoint-configuration.ts";
import { pastEvents } from "../../src/results/past-events.ts";
import { jobOf, jobsIn, runsOf } from "../../src/results/run-folders.ts";
import { commandLine, forTerminal, shortCommandLine } from "../../src/runs/command-line.ts";
import { jobName } from "../../src/runs/job-name.ts";

const folder = mkdtempSync(join(tmpdir(), "results-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Writes files, empty where no text is given. */
function write(root: string, files: readonly string[], texts: Readonly<Record<string, string>> = {}): void {
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), texts[file] ?? "");
  }
}

const names = (paths: readonly string[]) => paths.map((path) => basename(path));

/** A run of the embedded engine, as it lies on disk after a few epochs. */
function documentedTree(root: string): string {
  const log = "results/cells_1/train_logs/cells_1_log.jsonl";
  const rows = [
    { epoch: 1, train_loss: 1.3, train_psnr: 13, val_loss: 1.4, val_psnr: 15, lr: 0.001, seconds: 3 },
    { epoch: 2, train_loss: 1.0, train_psnr: 15, val_loss: 1.2, val_psnr: 16, lr: 0.001, seconds: 3 },
    { epoch: 3, train_loss: 0.9, train_psnr: 15, val_loss: 1.3, val_psnr: 15, lr: 0.0005, seconds: 3 },
  ];
  const files = [
    "config_files/cells.yaml",
    "checkpoints/cells_1-checkpoint-best.pth",
    "checkpoints/cells_1-checkpoint-2.pth",
    "checkpoints/cells_12-checkpoint-best.pth",
    "checkpoints/normalization_mean_value.npy",
    "results/cells_1/charts/cells_1_loss.png",
    "results/cells_1/aug/a_0.tif",
    ...["original", "masked", "reconstruction", "reconstruction_and_visible"].map(
      (role) => `results/cells_1/MAE_checks/a_${role}.tif`,
    ),
    "results/cells_1/per_image/a2.tif",
    "results/cells_1/per_image/a10.tif",
    "results/cells_1/tensorboard/events.out.tfevents.1",
    ".biapy-studio/cells_1/output.log",
    log,
  ];
  write(join(root, "cells"), files, {
    [log]: `${rows.map((row) => JSON.stringify(row)).join("\n")}\n{"epoch": 4, "tr`,
  });
  return join(root, "cells");
}

/** A run of BiaPy 3.7.1, with the names and the log that it writes. */
function biapyTree(root: string, finished = true): string {
  const log = "logs/nuclei_1_log_2026_11_24_23_04_59_training_log.json";
  const text = "logs/nuclei_1_log_1_2026_11_24_23_04_59.txt";
  const rows = [
    {
      train_loss: 1.5,
      train_MAE: 0.9,
      train_PSNR: 9.2,
      train_lr: 0.001,
      test_loss: 1.19,
      test_MAE: 0.71,
      epoch: 0,
    },
    {
      train_loss: 1.1,
      train_MAE: 0.7,
      train_PSNR: 10.2,
      train_lr: 0.001,
      test_loss: 1.14,
      test_MAE: 0.68,
      epoch: 1,
    },
  ];
  const files = [
    "config_files/tiny_1_2026_11_24_23_04_59.yaml",
    "config_files/tiny_2_2026_11_25_10_00_00.yaml",
    "checkpoints/nuclei_1-checkpoint-best.pth",
    "results/nuclei_1/per_image/b.tif",
    "results/nuclei_1/per_image/b_masked.tif",
    "results/nuclei_1/per_image/b_reconstruction_and_visible.tif",
    "results/nuclei_1/tensorboard/events.out.tfevents.1",
    log,
    text,
  ];
  write(join(root, "nuclei"), files, {
    [log]: rows.map((row) => JSON.stringify(row)).join("\n"),
    [text]: `${"x".repeat(9000)}\n${finished ? "[23:05:24] FINISHED JOB nuclei_1 !!" : "[23:05:01] Epoch 1"}\n`,
  });
  return join(root, "nuclei");
}

test("jobs are found in a result folder and from any of their files", async () => {
  const root = join(folder, "found");
  const jobs = [documentedTree(root), biapyTree(root)];
  mkdirSync(join(root, "other/results"), { recursive: true });
  assert.deepEqual((await jobsIn(root)).sort(), jobs.sort());
  assert.deepEqual(await jobsIn(jobs[0]), [jobs[0]]);
  assert.deepEqual(await jobsIn(join(root, "missing")), []);
  assert.equal(jobOf(join(jobs[0], "results/cells_1/charts/x.png")), jobs[0]);
  assert.equal(jobOf(join(jobs[0], "checkpoints/x.pth")), jobs[0]);
  assert.equal(jobOf("/somewhere/else.txt"), undefined);
});

test("each run of a job has its own copy of the configuration", async () => {
  const job = join(folder, "copies/cells");
  const copies = ["cells.yaml", "cells_1.yaml", "cells_2.yaml"].map((name) => `config_files/${name}`);
  write(job, [...copies, ...[1, 2, 3].map((run) => `checkpoints/cells_${run}-checkpoint-best.pth`)], {});
  const shown = (await runsOf(job)).map(({ tree, files }) => [tree.runId, names(files.configuration)]);
  assert.deepEqual(shown.sort(), [
    [1, ["cells_1.yaml"]],
    [2, ["cells_2.yaml"]],
    // A run from before there were copies has the one of the job.
    [3, ["cells.yaml"]],
  ]);
});

test("the documented tree: files by kind, best epoch, status", async () => {
  const job = documentedTree(join(folder, "documented"));
  const runs = await runsOf(job);
  assert.deepEqual(runs.map(({ tree }) => tree.runId).sort(), [1, 12]);
  const run = runs.find(({ tree }) => tree.runId === 1);
  assert.ok(run !== undefined);
  assert.equal(run.writtenBy, "embedded");
  assert.equal(run.status, "interrupted");
  assert.deepEqual(run.best, { loss: 1.2, epoch: 2 });
  assert.equal(run.epochs, 3);
  assert.deepEqual(names(run.files.configuration), ["cells.yaml"]);
  assert.deepEqual(names(run.files.checkpoints), ["cells_1-checkpoint-2.pth", "cells_1-checkpoint-best.pth"]);
  assert.deepEqual(names(run.files.charts), ["cells_1_loss.png"]);
  assert.equal(run.files["mae-checks"].length, 4);
  assert.deepEqual(names(run.files.images), ["a2.tif", "a10.tif"]);
  assert.deepEqual(names(run.files.augmentations), ["a_0.tif"]);
  assert.deepEqual(names(run.files.logs), ["cells_1_log.jsonl", "output.log"]);
  const state = {
    format: 1,
    training: "0123456789abcdef",
    epoch: 3,
    step: 0,
    epochs: 3,
    trained: true,
    time: 1,
  };
  const shown = { finished: "finished", stopped: "stopped", failed: "failed", testing: "interrupted" };
  for (const [status, expected] of Object.entries(shown)) {
    writeFileSync(run.tree.stateFile, JSON.stringify({ ...state, status, message: "why" }));
    const found = (await runsOf(job)).find(({ tree }) => tree.runId === 1);
    assert.equal(found?.status, expected);
  }
});

test("BiaPy's tree: its names of logs, configurations and checks", async () => {
  const [run] = await runsOf(biapyTree(join(folder, "biapy")));
  assert.equal(run.writtenBy, "biapy");
  assert.equal(run.status, "finished");
  assert.deepEqual(run.best, { loss: 1.14, epoch: 2 });
  assert.deepEqual(names(run.files.configuration), ["tiny_1_2026_11_24_23_04_59.yaml"]);
  assert.deepEqual(names(run.files["mae-checks"]), ["b_masked.tif", "b_reconstruction_and_visible.tif"]);
  assert.deepEqual(names(run.files.images), ["b.tif"]);
  assert.equal(run.files.logs.length, 2);
  const [broken] = await runsOf(biapyTree(join(folder, "broken"), false));
  assert.equal(broken.status, "interrupted");
});

test("the events of a run that nobody watched are read from its files", async () => {
  const [run] = await runsOf(biapyTree(join(folder, "past")));
  const events = await pastEvents(run);
  const epochs = events.flatMap((event) => (event.event === "epoch" ? [event] : []));
  assert.deepEqual(
    epochs.map(({ epoch, train, validation, best }) => ({ epoch, train, validation, best })),
    [
      {
        epoch: 1,
        train: { loss: 1.5, mae: 0.9, psnr: 9.2 },
        validation: { loss: 1.19, mae: 0.71 },
        best: true,
      },
      {
        epoch: 2,
        train: { loss: 1.1, mae: 0.7, psnr: 10.2 },
        validation: { loss: 1.14, mae: 0.68 },
        best: true,
      },
    ],
  );
  const [image] = events.flatMap((event) => (event.event === "image" ? [event] : []));
  assert.equal(image.image, "b.tif");
  assert.equal(image.kind, "mae-check");
  assert.deepEqual(Object.keys(image.files).sort(), ["masked", "prediction", "reconstructionAndVisible"]);
  const end = events.at(-1);
  assert.ok(
    end?.event === "end" &&
      end.status === "finished" &&
      end.checkpoint?.endsWith("nuclei_1-checkpoint-best.pth"),
  );
});

test("a configuration that starts from a checkpoint keeps its comments and stays valid", () => {
  const text = readFileSync("templates/demo.biapy.yaml", "utf8");
  const made = startingFrom(text, "results/it's/checkpoints/a.pth");
  const { config, problems } = loadConfig("demo.yaml", made);
  assert.deepEqual(problems, []);
  assert.equal(config.flag("MODEL.LOAD_CHECKPOINT"), true);
  assert.equal(config.text("PATHS.CHECKPOINT_FILE"), "results/it's/checkpoints/a.pth");
  for (const line of text.split("\n")) assert.ok(made.split("\n").includes(line), line);
  // Once more: values change where they stand.
  const again = startingFrom(made, "b.pth");
  assert.equal(loadConfig("demo.yaml", again).config.text("PATHS.CHECKPOINT_FILE"), "b.pth");
  assert.equal(again.split("\n").length, made.split("\n").length);
});

test("existing keys, empty sections and comments after values", () => {
  const text = [
    "MODEL:",
    "    LOAD_CHECKPOINT: False  # from nothing",
    "    ARCHITECTURE: mae",
    "PATHS: {}  # none yet",
    "TRAIN:",
    "    EPOCHS: 3",
    "",
  ].join("\n");
  const made = startingFrom(text, "a.pth");
  assert.equal(
    made,
    [
      "MODEL:",
      "    LOAD_CHECKPOINT: True  # from nothing",
      "    ARCHITECTURE: mae",
      "PATHS:  # none yet",
      "    CHECKPOINT_FILE: 'a.pth'",
      "TRAIN:",
      "    EPOCHS: 3",
      "",
    ].join("\n"),
  );
});

test("the sample's configuration is valid in a folder of its own and in a folder within another", async () => {
  for (const [base, sample] of [
    ["alone/sample", "alone/sample"],
    ["within", "within/sample"],
  ].map((names) => names.map((name) => join(folder, name)))) {
    for (const task of ["pretraining", "segmentation"] as const) {
      const { config, problems } = loadConfig(await writeSample(process.cwd(), sample, base, task));
      assert.deepEqual([...problems, ...checkConfig(config, base)], []);
    }
    const file = await writeSample(process.cwd(), sample, base);
    assert.equal(isSample(file, "pretraining"), false);
    writeFileSync(file, `${readFileSync(file, "utf8")}# mine\n`);
    await writeSample(process.cwd(), sample, base);
    assert.match(readFileSync(file, "utf8"), /# mine\n$/);
  }
});

test("a command can be pasted into the shells of all systems", () => {
  const program = { command: "/opt/no de", args: ["--config", "it's.yaml", "a=1", ""] };
  assert.equal(commandLine(program, "linux"), "'/opt/no de' --config 'it'\\''s.yaml' a=1 ''");
  assert.equal(
    commandLine({ command: "C:\\Program Files\\node.exe", args: ["C:\\a b"] }, "win32"),
    "& 'C:\\Program Files\\node.exe' 'C:\\a b'",
  );
  const command = { command: "node", args: ["cli.mjs", "--events"], cwd: ".", output: "events" } as const;
  assert.equal(commandLine(forTerminal(command), "linux"), "node cli.mjs");
});

test("a command for people names files relative to its folder", {
  skip: process.platform === "win32",
}, () => {
  const args = [
    "/opt/studio/cli.mjs",
    "--config",
    "/data/cells/a.yaml",
    "--result_dir",
    "/data/cells",
    "--events",
  ];
  const command = { command: "/usr/bin/node", args, cwd: "/data/cells", output: "events" } as const;
  assert.equal(shortCommandLine(command), "node cli.mjs --config a.yaml --result_dir .");
});

test("jobs are named after their file in letters that BiaPy allows", () => {
  assert.equal(jobName("/a/my model-2.biapy.yaml"), "my_model_2");
  assert.equal(jobName("cells.yml"), "cells");
  assert.equal(jobName("/a/äö.yaml"), "job");
});
