/** `biapy --label_study`: trains a segmentation with few labeled images, pretrained and from scratch, and compares them. */
import { spawn } from "node:child_process";
import { cp, mkdir, readFile, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Command, InvalidArgumentError } from "commander";
import { checkConfig, checkName } from "../config/checks.ts";
import { type Config, loadConfig } from "../config/config.ts";
import { withSettings } from "../config/with-settings.ts";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import { resultTree } from "../facts/result-tree.ts";
import { type Metrics, parseRunEvent } from "../facts/run-events.ts";
import { listImages } from "../images/files.ts";
import { ImageError } from "../images/image.ts";
import { namedLike } from "../workflow/ground-truth.ts";
import { studyChart } from "../workflow/label-study/chart.ts";
import { describeStudy, type StudyResult, studyCsv, studyRows } from "../workflow/label-study/outcome.ts";
import { defaultCounts, type StudyRun, studyRuns } from "../workflow/label-study/plan.ts";
import { EXIT } from "./exit-codes.ts";

interface StudyArguments {
  readonly config: string;
  readonly checkpoint: string;
  readonly result_dir: string;
  readonly name: string;
  readonly labels?: readonly number[];
  readonly seeds: number;
}

const whole = (text: string): number => {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a whole number, at least 1.");
};

function parseArguments(argv: readonly string[]): StudyArguments {
  const command = new Command("biapy --label_study")
    .description("Compares a segmentation that starts from a pretrained checkpoint with one from scratch.")
    .requiredOption("--config <file>", "configuration of the segmentation (PROBLEM.TYPE SEMANTIC_SEG)")
    .requiredOption("--checkpoint <file>", "the pretrained checkpoint")
    .option("--result_dir <folder>", "folder for results", ".")
    .requiredOption("--name <name>", "job name: letters, digits, underscore")
    .option(
      "--labels <numbers>",
      "numbers of labeled images, such as 1,2,4 (default: doubling, up to all)",
      (text) => text.split(",").map(whole),
    )
    .option("--seeds <number>", "trainings of each kind", whole, 3)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.done : EXIT.badInput));
  command.parse([...argv], { from: "user" });
  return command.opts();
}

/** Runs a study, or continues one: trainings that were tested with the same settings are not run again. */
export async function labelStudy(argv: readonly string[]): Promise<number> {
  const given = parseArguments(argv);
  const loaded = loadConfig(given.config);
  const name = checkName(given.name);
  const problems = [
    ...(name === undefined ? [] : [name]),
    ...loaded.problems,
    ...checkConfig(loaded.config),
    ...studyProblems(loaded.config),
  ].filter(({ severity }) => severity === "error");
  for (const { file = given.config, line = 1, message } of problems)
    console.error(`${file}:${line}: ${message}`);
  if (problems.length > 0) return EXIT.badInput;
  try {
    return await new Study(given, loaded.config, await readFile(given.config, "utf8")).run();
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    console.error(error.message);
    return EXIT.badInput;
  }
}

/** What a study needs of its configuration. */
function studyProblems(config: Config) {
  const demand = (fits: boolean, key: Parameters<Config["problem"]>[0], message: string) =>
    fits ? [] : [config.problem(key, message)];
  return [
    ...demand(
      config.text("PROBLEM.TYPE") === "SEMANTIC_SEG",
      "PROBLEM.TYPE",
      "a label study trains a segmentation (SEMANTIC_SEG).",
    ),
    ...demand(config.flag("TRAIN.ENABLE"), "TRAIN.ENABLE", "a label study trains: set it to True."),
    ...demand(
      config.flag("TEST.ENABLE") && config.flag("DATA.TEST.LOAD_GT"),
      "DATA.TEST.LOAD_GT",
      "a label study compares test images with their masks: set TEST.ENABLE and DATA.TEST.LOAD_GT to True.",
    ),
  ];
}

/** A training of the study that has ended. */
interface RecordedResult extends StudyResult {
  /** The configuration that it had. */
  readonly configText: string;
}

class Study {
  private readonly folder: string;

  constructor(
    private readonly given: StudyArguments,
    private readonly config: Config,
    private readonly text: string,
  ) {
    this.folder = join(resultTree(given.result_dir, given.name, 1).jobDirectory, "label_study");
  }

  async run(): Promise<number> {
    const { given, config } = this;
    const images = (await listImages(config.text("DATA.TRAIN.PATH"))).map((path) => basename(path));
    const runs = studyRuns({
      images,
      counts: given.labels ?? defaultCounts(images.length),
      seeds: given.seeds,
      checkpoint: resolve(given.checkpoint),
      epochs: config.number("TRAIN.EPOCHS"),
      patience: config.number("TRAIN.PATIENCE"),
    });
    const recorded = await this.recorded();
    const results: RecordedResult[] = [];
    for (const run of runs) {
      const configText = await this.configuration(run);
      const known = recorded.find((each) => each.runId === run.runId && each.configText === configText);
      const labels = run.images.length;
      const title = `${run.runId}/${runs.length}: ${labels} labeled, ${run.start}, seed ${run.seed}`;
      if (known === undefined) {
        const trained = await this.train(run, configText, title);
        if (trained.code !== EXIT.done) return trained.code;
        const { iou } = trained.metrics;
        if (iou === undefined) {
          console.error(`${title}: the test images gave no IoU.`);
          return EXIT.failed;
        }
        results.push({ runId: run.runId, start: run.start, labels, seed: run.seed, iou, configText });
      } else results.push(known);
      console.log(`${title}: IoU ${results[results.length - 1].iou.toFixed(4)}`);
      await this.record(results);
    }
    for (const line of describeStudy(studyRows(results))) console.log(line);
    console.log(`Chart and table: ${this.folder}`);
    return EXIT.done;
  }

  /** Copies a run's images and masks. Returns its configuration. */
  private async configuration({ seed, images, settings }: StudyRun): Promise<string> {
    const folder = join(this.folder, "images", `${images.length}-labeled-seed-${seed}`);
    const folders = { images: join(folder, "images"), masks: join(folder, "masks") };
    await rm(folder, { recursive: true, force: true });
    for (const each of Object.values(folders)) await mkdir(each, { recursive: true });
    const path = this.config.text("DATA.TRAIN.PATH");
    const masks = await listImages(this.config.text("DATA.TRAIN.GT_PATH"));
    for (const image of images) {
      await cp(join(path, image), join(folders.images, image), { recursive: true });
      const [mask] = namedLike(masks, image);
      if (mask === undefined) throw new ImageError(image, `${image} has no mask in DATA.TRAIN.GT_PATH.`);
      await cp(mask, join(folders.masks, basename(mask)), { recursive: true });
    }
    return withSettings(this.text, {
      ...settings,
      "DATA.TRAIN.PATH": folders.images,
      "DATA.TRAIN.GT_PATH": folders.masks,
    });
  }

  /** Trains and tests a run in a process of its own, as an ordinary run of the job. */
  private async train(
    { runId }: StudyRun,
    configText: string,
    title: string,
  ): Promise<{ readonly code: number; readonly metrics: Metrics }> {
    const { name, result_dir } = this.given;
    const file = join(this.folder, "configurations", `${name}_${runId}.yaml`);
    await mkdir(join(this.folder, "configurations"), { recursive: true });
    await writeFileAtomically(file, configText);
    const [script] = process.argv.slice(1);
    const place = ["--config", file, "--result_dir", result_dir, "--name", name, "--run_id", String(runId)];
    const child = spawn(process.execPath, [...process.execArgv, script, ...place, "--events"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    // The training ends with the study. Ctrl+C reaches it from the terminal, as this process's group.
    const stop = () => child.kill("SIGTERM");
    const wait = () => {};
    process.on("SIGTERM", stop).on("SIGINT", wait);
    let metrics: Metrics = {};
    for await (const line of createInterface({ input: child.stdout })) {
      const event = parseRunEvent(line);
      if (event?.event === "test" && event.image === undefined) metrics = event.metrics;
      if (event?.event === "problems")
        for (const { severity, message } of event.problems)
          if (severity === "error") console.error(`${title}: ${message}`);
      if (event?.event === "epoch" && process.stderr.isTTY)
        process.stderr.write(`\r${title}: epoch ${event.epoch}/${event.epochs} `);
    }
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
    const code = child.exitCode ?? (await new Promise<number | null>((end) => child.once("exit", end)));
    process.off("SIGTERM", stop).off("SIGINT", wait);
    return { code: code ?? EXIT.failed, metrics };
  }

  private get recordFile(): string {
    return join(this.folder, "results.json");
  }

  /** The results of an earlier call. */
  private async recorded(): Promise<readonly RecordedResult[]> {
    try {
      const found: unknown = JSON.parse(await readFile(this.recordFile, "utf8"));
      return Array.isArray(found) ? found.filter(isRecorded) : [];
    } catch {
      return [];
    }
  }

  private async record(results: readonly RecordedResult[]): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await writeFileAtomically(this.recordFile, `${JSON.stringify(results, null, 2)}\n`);
    await writeFileAtomically(join(this.folder, "label_study.csv"), studyCsv(results));
    if (studyRows(results).length > 0)
      await writeFileAtomically(join(this.folder, "label_study.png"), await studyChart(results));
  }
}

function isRecorded(value: unknown): value is RecordedResult {
  if (typeof value !== "object" || value === null) return false;
  const { runId, iou, configText } = value as Partial<RecordedResult>;
  return Number.isInteger(runId) && Number.isFinite(iou) && typeof configText === "string";
}
