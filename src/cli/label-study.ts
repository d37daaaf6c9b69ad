/** `biapy --label_study`: trains a segmentation with few labeled images, pretrained and from scratch, and compares them. */

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Command, InvalidArgumentError } from "commander";
import { checkConfig, checkName } from "../config/checks.ts";
import { type Config, furtherProblems, loadConfig } from "../config/config.ts";
import type { Key } from "../config/key-names.ts";
import { runArguments } from "../facts/run-arguments.ts";
import { type Problem, parseRunEvent } from "../facts/run-events.ts";
import { describeStudy, type StudyResult, studyRows } from "../workflow/label-study/outcome.ts";
import { LabelStudy, type PlannedRun } from "../workflow/label-study/study.ts";
import { EXIT } from "./exit-codes.ts";
import { problemsOf } from "./refusals.ts";

interface StudyArguments {
  readonly config: string;
  readonly checkpoint: string;
  readonly result_dir: string;
  readonly name: string;
  readonly labels?: readonly number[];
  readonly seeds: number;
  readonly prepare?: boolean;
  readonly collect?: boolean;
}

const whole = (text: string): number => {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a whole number, at least 1.");
};

function parseArguments(argv: readonly string[]): StudyArguments {
  const command = new Command("biapy --label_study")
    .description("Compares a segmentation that starts from a pretrained checkpoint with one from scratch.")
    .requiredOption("--config <file>", "configuration of the segmentation (PROBLEM.TYPE SEMANTIC_SEG)")
    .requiredOption("--checkpoint <file>", "pretrained checkpoint")
    .option("--result_dir <folder>", "folder for results", ".")
    .requiredOption("--name <name>", "job name: letters, digits, underscore")
    .option(
      "--labels <numbers>",
      "numbers of labeled images, such as 1,2,4 (default: doubling, up to all)",
      (text) => text.split(",").map(whole),
    )
    .option("--seeds <number>", "number of trainings of each kind", whole, 3)
    .option(
      "--prepare",
      "write the configurations of the trainings and list them as JSON Lines; train nothing",
    )
    .option("--collect", "draw the curve of the trainings that have finished; train nothing")
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.done : EXIT.badInput));
  command.parse([...argv], { from: "user" });
  return command.opts();
}

/**
 * Runs a study, or continues one: trainings that have finished with the same settings and files are not run again. A training whose images
 * are refused is left out. Returns the exit code.
 */
export async function labelStudy(argv: readonly string[]): Promise<number> {
  const given = parseArguments(argv);
  const loaded = loadConfig(given.config);
  const name = checkName(given.name);
  const problems = [
    ...(name === undefined ? [] : [name]),
    ...loaded.problems,
    ...furtherProblems(loaded.problems, checkConfig(loaded.config)),
    ...studyProblems(loaded.config),
  ].filter(({ severity }) => severity === "error");
  for (const { file = given.config, line = 1, message } of problems)
    console.error(`${file}:${line}: ${message}`);
  if (problems.length > 0) return EXIT.badInput;
  try {
    const study = await LabelStudy.plan({
      config: loaded.config,
      text: await readFile(given.config, "utf8"),
      checkpoint: given.checkpoint,
      resultDirectory: given.result_dir,
      name: given.name,
      counts: given.labels,
      seeds: given.seeds,
    });
    for (const warning of await study.warnings()) console.error(warning);
    if (given.prepare) return await listRuns(study);
    if (given.collect) return printResults(study, await study.collect());
    return await trainAll(study, given);
  } catch (error) {
    const found = problemsOf(error);
    if (found === undefined) throw error;
    for (const { message } of found) console.error(message);
    return EXIT.badInput;
  }
}

/** Checks that a configuration fits a label study. */
function studyProblems(config: Config): Problem[] {
  const demand = (fits: boolean, key: Key, message: string) => (fits ? [] : [config.problem(key, message)]);
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

/** Prints a line of JSON for each training: its run number, configuration and state. */
async function listRuns(study: LabelStudy): Promise<number> {
  for (const run of study.runs) {
    const { runId, configFile, title } = run;
    console.log(JSON.stringify({ runId, configFile, title, state: await study.stateOf(run) }));
  }
  return EXIT.done;
}

/** Runs the trainings that have not finished. Returns the exit code. */
async function trainAll(study: LabelStudy, given: StudyArguments): Promise<number> {
  let results: readonly StudyResult[] = [];
  let refused = false;
  for (const run of study.runs) {
    const state = await study.stateOf(run);
    if (state !== "finished") {
      const code = await train(run, given, state === "stopped");
      // Few images may teach nothing, such as one whose mask is empty. The others still do.
      refused ||= code === EXIT.badInput;
      if (code === EXIT.badInput) continue;
      if (code !== EXIT.done) return code;
    }
    results = await study.collect();
    const iou = results.find(({ runId }) => runId === run.runId)?.iou;
    if (iou === undefined) {
      console.error(`${run.title}: the test images gave no IoU.`);
      return EXIT.failed;
    }
    console.log(`${run.title}: IoU ${iou.toFixed(4)}`);
  }
  const code = printResults(study, results);
  return refused ? EXIT.badInput : code;
}

function printResults(study: LabelStudy, results: readonly StudyResult[]): number {
  for (const line of describeStudy(studyRows(results))) console.log(line);
  if (results.length < study.runs.length)
    console.log(`${results.length} of ${study.runs.length} trainings have finished.`);
  console.log(`Chart and table: ${study.folder}`);
  return EXIT.done;
}

/** Trains and tests a run of the job in another process. Returns its exit code. */
async function train(
  { runId, configFile, title }: PlannedRun,
  { name, result_dir }: StudyArguments,
  resume: boolean,
): Promise<number> {
  const [script = ""] = process.argv.slice(1);
  const place = runArguments({ configFile, resultDirectory: result_dir, name, runId });
  const more = resume ? ["--resume", "--events"] : ["--events"];
  const child = spawn(process.execPath, [...process.execArgv, script, ...place, ...more], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  // The training stops with the study. In a terminal, Ctrl+C reaches both processes.
  const stop = () => child.kill("SIGTERM");
  const ignore = () => {};
  process.on("SIGTERM", stop).on("SIGINT", ignore);
  const lines = child.stdout === null ? [] : createInterface({ input: child.stdout });
  for await (const line of lines) {
    const event = parseRunEvent(line);
    if (event?.event === "problems")
      for (const { severity, message } of event.problems)
        if (severity === "error") console.error(`${title}: ${message}`);
    if (event?.event === "epoch" && process.stdout.isTTY)
      process.stdout.write(`\r${title}: epoch ${event.epoch}/${event.epochs} `);
  }
  if (process.stdout.isTTY) process.stdout.write("\r\u001b[K");
  const code = await ended;
  process.off("SIGTERM", stop).off("SIGINT", ignore);
  return code ?? EXIT.failed;
}
