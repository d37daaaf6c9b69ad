/** The command `biapy`: BiaPy's own arguments, run by the embedded engine. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import packageFile from "../../package.json" with { type: "json" };
import { CheckpointError } from "../checkpoint/checkpoint-error.ts";
import { checkConfig, checkName } from "../config/checks.ts";
import { type Config, loadConfig } from "../config/config.ts";
import { checkZooDescription, checkZooSource } from "../config/zoo-settings.ts";
import { explainedWriteError, ResultError } from "../facts/files/write-file.ts";
import { RunLockError } from "../facts/lock/run-lock.ts";
import { type ResultTree, resultTree } from "../facts/result-tree.ts";
import type { Problem } from "../facts/run-events.ts";
import { RunStateError } from "../facts/run-state.ts";
import { ImageError } from "../images/image.ts";
import { consoleReporter, jsonLinesReporter, type ReportEvent } from "../results/reporters.ts";
import { RUNTIMES, type RuntimeName } from "../runtime/open-runtime.ts";
import { PRECISIONS, type Precision } from "../runtime/precision.ts";
import { type ChoiceReport, chooseRuntime, type DeviceWish } from "../workflow/device-choice.ts";
import { type FeatureRequest, writeFeatures } from "../workflow/features/write-features.ts";
import { InputError } from "../workflow/input-error.ts";
import { runWorkflow, tryStep } from "../workflow/run.ts";
import { threadCount } from "../workflow/settings.ts";
import { exportModel } from "../workflow/zoo/export-model.ts";
import type { ForeignModel } from "../workflow/zoo/foreign-model.ts";
import { predictWithPackage } from "../workflow/zoo/predict-with-package.ts";
import { withZooModel } from "../workflow/zoo/start-from-package.ts";
import { EXIT } from "./exit-codes.ts";
import { holdRun } from "./hold-run.ts";
import { runTool, TOOLS_HELP } from "./tools.ts";

interface Arguments {
  readonly config: string;
  readonly result_dir: string;
  readonly name: string;
  readonly run_id: number;
  readonly gpu?: string;
  readonly runtime?: RuntimeName;
  readonly resume?: boolean;
  readonly events?: boolean;
  readonly norm_pix_loss?: boolean;
  readonly precision?: Precision;
  readonly part_size?: number;
  readonly try_batch?: number;
  readonly features?: boolean;
  readonly export_model?: true | string;
  readonly labels?: string;
}

/** The short forms that BiaPy's Docker image takes. */
const SHORT: Readonly<Record<string, string>> = {
  "-cfg": "--config",
  "-rdir": "--result_dir",
  "-name": "--name",
  "-rid": "--run_id",
  "-gpu": "--gpu",
};

function runNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a whole number, such as 1.");
}

function parseArguments(argv: readonly string[]): Arguments {
  const command = new Command("biapy")
    .description(
      "Trains and tests a self-supervised microscopy model from a BiaPy configuration, by the embedded engine.",
    )
    .requiredOption("--config <file>", "the YAML configuration (-cfg)")
    .option("--result_dir <folder>", "where results go (-rdir)", ".")
    .requiredOption("--name <name>", "name of the job: letters, digits and _ (-name)")
    .option("--run_id <number>", "number of the run, to tell runs of one job apart (-rid)", runNumber, 1)
    .option("--gpu <number>", "GPU to use; empty for none; the fastest device by itself (-gpu)")
    .addOption(
      new Option("--runtime <name>", "what computes; the fastest there is by itself").choices(RUNTIMES),
    )
    .option("--resume", "go on where the run was stopped")
    .option("--norm_pix_loss", "learn each token's pixels normalized by their own mean and deviation")
    .addOption(
      new Option(
        "--precision <name>",
        "single by itself; mixed computes products in float16 on GPUs that have it, as PyTorch's autocast does",
      ).choices(PRECISIONS),
    )
    .option(
      "--part_size <number>",
      "patches computed at a time: gradients of a batch are added up, with the same result in less memory (default: the whole batch)",
      runNumber,
    )
    .option(
      "--features",
      "write the encoder's features of the test images with the run's checkpoint, instead of training",
    )
    .option(
      "--export_model [checkpoint]",
      "write the model as a package for the BioImage Model Zoo (MODEL.BMZ.EXPORT) with the run's checkpoint or the named one, instead of training",
    )
    .option(
      "--labels <folder>",
      "with --features: masks of test images, by which a linear probe judges the features",
    )
    .addOption(
      new Option("--try_batch <size>", "see whether a step of this size fits")
        .argParser(runNumber)
        .hideHelp(),
    )
    .addHelpText("after", TOOLS_HELP)
    .option("--events", "write run events as JSON Lines instead of a progress bar")
    .version(packageFile.version)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.done : EXIT.badInput));
  command.parse(
    argv.map((argument) => SHORT[argument] ?? argument),
    { from: "user" },
  );
  const given = command.opts<Arguments>();
  if (given.labels !== undefined && !given.features) command.error("--labels belongs to --features.");
  return given;
}

/** What the command line and the configuration say of devices. */
function deviceWish(given: Arguments, config: Config): DeviceWish {
  return {
    gpu: given.gpu,
    device: config.sets("SYSTEM.DEVICE") ? config.text("SYSTEM.DEVICE") : undefined,
    runtime: given.runtime,
    threads: threadCount(config),
  };
}

function choiceReport(report: ReportEvent): ChoiceReport {
  return {
    info: (message) => report({ event: "log", level: "info", message }),
    warn: (message) => report({ event: "log", level: "warning", message }),
    progress: (label, done, total) => report({ event: "progress", label, done, total }),
  };
}

/** Tries a batch in another process: running out of GPU memory may make the device unusable for this one. */
async function fitsApart(batchSize: number, signal: AbortSignal): Promise<boolean> {
  const all = [...process.execArgv.filter((each) => !each.startsWith("--inspect")), ...process.argv.slice(1)];
  const child = spawn(process.execPath, [...all, "--try_batch", String(batchSize)], {
    stdio: "ignore",
    signal,
  });
  const [code] = (await once(child, "exit")) as [number | null];
  return code === EXIT.done;
}

/** What cannot be done with a network of which only predictions are known. */
function notWithPackage(given: Arguments, config: Config): Problem[] {
  const asked = given.features
    ? "--features"
    : given.export_model === undefined
      ? undefined
      : "--export_model";
  const message = (what: string) =>
    `${what} needs a network of this engine; the package of MODEL.BMZ.SOURCE_MODEL_ID only predicts.`;
  return [
    ...(asked === undefined ? [] : [{ severity: "error", message: message(asked) } as const]),
    ...(config.flag("MODEL.BMZ.EXPORT.ENABLE")
      ? [config.problem("MODEL.BMZ.EXPORT.ENABLE", message("an export"), "False")]
      : []),
  ];
}

/** Runs one step with another batch size. */
async function tryBatch(given: Arguments, batchSize: number): Promise<number> {
  const config = loadConfig(given.config).config.with("TRAIN.BATCH_SIZE", batchSize);
  const silent = { info: () => {}, warn: () => {}, progress: () => {} };
  const fits = await tryStep({
    config,
    tree: resultTree(given.result_dir, given.name, given.run_id),
    normalizePixels: given.norm_pix_loss === true,
    precision: given.precision,
    resume: given.resume === true,
    openRuntime: (work) => chooseRuntime(deviceWish(given, config), work, silent),
  });
  return fits ? EXIT.done : EXIT.failed;
}

function resumeArguments(given: Arguments): string[] {
  const { config, result_dir, name, run_id } = given;
  const own = [
    "--config",
    config,
    "--result_dir",
    result_dir,
    "--name",
    name,
    "--run_id",
    String(run_id),
    "--resume",
  ];
  const device = given.gpu === undefined ? [] : ["--gpu", given.gpu];
  const runtime = given.runtime === undefined ? [] : ["--runtime", given.runtime];
  const precision = given.precision === undefined ? [] : ["--precision", given.precision];
  const parts = given.part_size === undefined ? [] : ["--part_size", String(given.part_size)];
  const pixels = given.norm_pix_loss ? ["--norm_pix_loss"] : [];
  return [...own, ...precision, ...parts, ...pixels, ...device, ...runtime];
}

/** Signals that ask to stop. A terminal that is closed sends SIGHUP. */
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * A signal that asks the run to stop: after the current step, with a checkpoint. A second one ends the process at once. A parent
 * process can send the message `stop` instead, on any system, and the run stops when the parent goes.
 */
function interruptSignal(report: ReportEvent): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(EXIT.stopped);
    report({ event: "log", level: "info", message: "Stopping after this step…" });
    controller.abort();
  };
  for (const name of STOP_SIGNALS) process.on(name, stop);
  process.on("message", (message) => message === "stop" && stop());
  process.on("disconnect", stop);
  // Nobody reads the output of a process whose parent or terminal has gone.
  for (const output of [process.stdout, process.stderr]) output.on("error", () => {});
  return controller.signal;
}

/** Returns the problems of invalid input. Undefined for internal errors. */
function problemsOf(error: unknown): readonly Problem[] | undefined {
  if (error instanceof InputError) return error.problems;
  const refusals = [CheckpointError, ImageError, RunStateError, RunLockError];
  if (error instanceof Error && refusals.some((refusal) => error instanceof refusal))
    return [{ severity: "error", message: error.message }];
  return undefined;
}

/** What to do where this computer has no memory left; undefined for other errors. */
function memoryAdvice(error: unknown): string | undefined {
  const lacks = /could not allocate memory|Array buffer allocation failed|bad allocation|std::bad_alloc/;
  if (!(error instanceof Error) || !lacks.test(error.message)) return undefined;
  return `This computer has too little free memory (${error.message}). Close other programs, or make TRAIN.BATCH_SIZE or DATA.PATCH_SIZE smaller.`;
}

async function run(given: Arguments, report: ReportEvent): Promise<number> {
  const { config: written, problems } = loadConfig(given.config);
  const source = checkZooSource(written, process.cwd());
  const asRead = { report, signal: interruptSignal(report), problems };
  if (problems.length > 0 || source.length > 0) return runConfig(given, written, asRead);
  try {
    const { config, foreign, close } = await withZooModel(written, report, asRead.signal);
    try {
      return await runConfig(given, config, { ...asRead, unpacked: config !== written, foreign });
    } finally {
      await close();
    }
  } catch (error) {
    if (asRead.signal.aborted) {
      const { runDirectory } = resultTree(given.result_dir, given.name, given.run_id);
      report({ event: "end", runDirectory, status: "stopped" });
      return EXIT.stopped;
    }
    if (!(error instanceof InputError)) throw error;
    report({ event: "problems", problems: error.problems });
    return EXIT.badInput;
  }
}

interface ReadConfiguration {
  readonly report: ReportEvent;
  readonly signal: AbortSignal;
  /** Problems of the configuration's file. */
  readonly problems: readonly Problem[];
  /** Whether it starts from weights that are removed afterwards. Defaults to false. */
  readonly unpacked?: boolean;
  /** The network of a package, which predicts instead of the configuration's. */
  readonly foreign?: ForeignModel;
}

/** Checks and runs a configuration. */
async function runConfig(
  given: Arguments,
  config: Config,
  { report, signal, problems, unpacked = false, foreign }: ReadConfiguration,
): Promise<number> {
  const nameProblem = checkName(given.name);
  const readable = config.document.entries.length > 0;
  const described =
    given.export_model !== undefined && readable ? checkZooDescription(config, process.cwd()) : [];
  const all = [
    ...(nameProblem ? [nameProblem] : []),
    ...problems,
    ...(readable ? checkConfig(config) : []),
    ...(config.flag("MODEL.BMZ.EXPORT.ENABLE") ? [] : described),
    ...(foreign === undefined ? [] : notWithPackage(given, config)),
  ];
  if (all.length > 0) report({ event: "problems", problems: all });
  if (all.some((problem) => problem.severity === "error")) return EXIT.badInput;
  const tree: ResultTree = resultTree(given.result_dir, given.name, given.run_id);
  const end = { event: "end", runDirectory: tree.runDirectory } as const;
  try {
    await holdRun(tree).catch((error) => {
      throw explainedWriteError(tree.recordFolder, error);
    });
    const request: FeatureRequest = {
      config,
      tree,
      normalizePixels: given.norm_pix_loss === true,
      openRuntime: (work) => chooseRuntime(deviceWish(given, config), work, choiceReport(report)),
      report,
      signal,
    };
    if (given.features) {
      const status = await writeFeatures({ ...request, labels: given.labels });
      report({ ...end, runDirectory: tree.features, status });
      return status === "stopped" ? EXIT.stopped : EXIT.done;
    }
    const configText = readFileSync(given.config, "utf8");
    if (foreign !== undefined) {
      const status = await predictWithPackage({ ...request, configText }, foreign);
      report({ ...end, status });
      return status === "stopped" ? EXIT.stopped : EXIT.done;
    }
    if (given.export_model !== undefined) {
      const checkpoint = given.export_model === true ? undefined : given.export_model;
      await exportModel({ ...request, configText, checkpoint });
      report({ ...end, runDirectory: tree.zooPackages, status: "finished" });
      return EXIT.done;
    }
    const status = await runWorkflow({
      ...request,
      configText,
      resume: given.resume === true,
      precision: given.precision,
      partSize: given.part_size,
      fits: (batchSize) => fitsApart(batchSize, signal),
    });
    if (status === "finished" && config.flag("MODEL.BMZ.EXPORT.ENABLE"))
      await exportModel({ ...request, configText });
    const resume = status === "stopped" ? resumeArguments(given) : undefined;
    // A run that only tests names the checkpoint that it loaded.
    const loaded = config.text("PATHS.CHECKPOINT_FILE");
    const best = config.flag("TRAIN.ENABLE") || loaded === "" ? tree.bestCheckpoint : loaded;
    const checkpoint = existsSync(best) && !(unpacked && best === loaded) ? best : undefined;
    report({ ...end, status, checkpoint, resume });
    return status === "stopped" ? EXIT.stopped : EXIT.done;
  } catch (error) {
    const found = problemsOf(error);
    if (found !== undefined) report({ event: "problems", problems: found });
    const message = memoryAdvice(error) ?? (error instanceof Error ? error.message : String(error));
    report({ ...end, status: "failed", message: found === undefined ? message : undefined });
    if (found !== undefined) return EXIT.badInput;
    if (!(error instanceof ResultError) && process.env.BIAPY_DEBUG) console.error(error);
    return EXIT.failed;
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const tool = await runTool(argv);
  if (tool !== undefined) return tool;
  const given = parseArguments(argv);
  if (given.try_batch !== undefined) return tryBatch(given, given.try_batch);
  return run(given, given.events ? jsonLinesReporter(process.stdout) : consoleReporter(process.stdout));
}

const code = await main(process.argv.slice(2));
// What a pipe has not taken yet would be lost with the process.
process.stdout.write("", () => process.exit(code));
