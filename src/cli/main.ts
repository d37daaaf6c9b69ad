/** The command `biapy`: BiaPy's own arguments, run by the embedded engine. */
import { existsSync, readFileSync } from "node:fs";
import { checkConfig, checkName } from "../config/checks.ts";
import { type Config, loadConfig } from "../config/config.ts";
import { joinedProblems } from "../config/joined-problems.ts";
import { checkZooDescription, checkZooSource } from "../config/zoo-settings.ts";
import { errorMessage, isStop } from "../facts/errors.ts";
import { EXIT } from "../facts/exit-codes.ts";
import { explainedWriteError, ResultError } from "../facts/files/write-file.ts";
import { type ResultTree, resultTree } from "../facts/result-tree.ts";
import type { NewEndEvent, Problem, ReportEvent } from "../facts/run-events.ts";
import { consoleReporter, jsonLinesReporter } from "../results/reporters.ts";
import { withCheckpointSettings } from "../workflow/checkpoint-settings.ts";
import { type FeatureRequest, writeFeatures } from "../workflow/features/write-features.ts";
import { runWorkflow } from "../workflow/run.ts";
import { exportModel } from "../workflow/zoo/export-model.ts";
import type { ForeignModel } from "../workflow/zoo/foreign-model.ts";
import { predictWithPackage } from "../workflow/zoo/predict-with-package.ts";
import { withZooModel } from "../workflow/zoo/start-from-package.ts";
import { type Arguments, parseArguments, resumeArguments } from "./arguments.ts";
import { choiceReport, runtimeOpener } from "./device.ts";
import { holdRun } from "./hold-run.ts";
import { memoryAdvice, problemsOf } from "./refusals.ts";
import { stopSignal } from "./stop-signals.ts";
import { runTool } from "./tools.ts";
import { fitsInProcess, tryBatch } from "./try-batch.ts";

/** Returns what the command line and the configuration request, but a package's network cannot do: it only predicts. */
function notWithPackage(given: Arguments, config: Config): Problem[] {
  const message = (what: string) =>
    `${what} needs a network of this engine; the package of MODEL.BMZ.SOURCE_MODEL_ID only predicts.`;
  const problems: Problem[] = [];
  if (given.features) problems.push({ severity: "error", message: message("--features") });
  else if (given.export_model !== undefined)
    problems.push({ severity: "error", message: message("--export_model") });
  if (config.flag("MODEL.BMZ.EXPORT.ENABLE"))
    problems.push(config.problem("MODEL.BMZ.EXPORT.ENABLE", message("an export"), "False"));
  return problems;
}

/** Runs the command. Returns the exit code. */
async function run(given: Arguments, report: ReportEvent): Promise<number> {
  const { config: written, problems } = loadConfig(given.config);
  const source = checkZooSource(written, process.cwd());
  const asRead = { report, signal: stopSignal(report), problems };
  const isReadable = problems.every(({ severity }) => severity !== "error");
  const tree = resultTree(given.result_dir, given.name, given.run_id);
  try {
    if (!isReadable || source.length > 0) return await runConfig(given, written, asRead, tree);
    const { config: started, foreign, close } = await withZooModel(written, report, asRead.signal);
    try {
      const config = await withCheckpointSettings(started, tree, report);
      return await runConfig(given, config, { ...asRead, unpacked: started !== written, foreign }, tree);
    } finally {
      await close();
    }
  } catch (error) {
    const { runDirectory } = tree;
    if (!isStop(error, asRead.signal)) return reportFailure(error, runDirectory, report);
    report({ event: "end", runDirectory, status: "stopped" });
    return EXIT.stopped;
  }
}

/** Reports why a run failed. Returns the exit code. */
function reportFailure(error: unknown, runDirectory: string, report: ReportEvent): number {
  const problems = problemsOf(error);
  if (problems !== undefined) report({ event: "problems", problems });
  const message = problems === undefined ? (memoryAdvice(error) ?? errorMessage(error)) : undefined;
  report({ event: "end", runDirectory, status: "failed", message });
  if (problems !== undefined) return EXIT.badInput;
  if (!(error instanceof ResultError) && process.env.BIAPY_DEBUG) console.error(error);
  return EXIT.failed;
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

/** Checks and runs a configuration. Returns the exit code. */
async function runConfig(
  given: Arguments,
  config: Config,
  read: ReadConfiguration,
  tree: ResultTree,
): Promise<number> {
  const { report } = read;
  const problems = problemsOfRun(given, config, read);
  if (problems.length > 0) report({ event: "problems", problems });
  if (problems.some((problem) => problem.severity === "error")) return EXIT.badInput;
  await holdRun(tree).catch((error) => {
    throw explainedWriteError(tree.recordFolder, error);
  });
  const { status, ...facts } = await perform(given, config, read, tree);
  report({ event: "end", runDirectory: tree.runDirectory, ...facts, status });
  return status === "stopped" ? EXIT.stopped : EXIT.done;
}

/** Returns all problems of the command line and the configuration. */
function problemsOfRun(
  given: Arguments,
  config: Config,
  { problems, foreign }: ReadConfiguration,
): readonly Problem[] {
  const nameProblem = checkName(given.name);
  const readable = config.document.entries.length > 0;
  // With MODEL.BMZ.EXPORT.ENABLE, `checkConfig` checks the description.
  const describes = given.export_model !== undefined && !config.flag("MODEL.BMZ.EXPORT.ENABLE");
  return [
    ...(nameProblem === undefined ? [] : [nameProblem]),
    ...joinedProblems(problems, readable ? checkConfig(config) : []),
    ...(readable && describes ? checkZooDescription(config, process.cwd()) : []),
    ...(foreign === undefined ? [] : notWithPackage(given, config)),
  ];
}

/** How a run ended, and what its last event says beside that. */
interface Outcome extends Partial<Omit<NewEndEvent, "event" | "status">> {
  readonly status: "finished" | "stopped";
}

/** Does what the command line requests: writes features, predicts with a package, exports a model, or trains and tests. */
async function perform(
  given: Arguments,
  config: Config,
  { report, signal, unpacked = false, foreign }: ReadConfiguration,
  tree: ResultTree,
): Promise<Outcome> {
  const request: FeatureRequest = {
    config,
    tree,
    normalizePixels: given.norm_pix_loss === true,
    openRuntime: runtimeOpener(given, config, choiceReport(report)),
    report,
    signal,
  };
  if (given.features) {
    const status = await writeFeatures({ ...request, labels: given.labels });
    return { status, runDirectory: tree.features };
  }
  const configText = readFileSync(given.config, "utf8");
  if (foreign !== undefined) return { status: await predictWithPackage({ ...request, configText }, foreign) };
  if (given.export_model !== undefined) {
    const checkpoint = given.export_model === true ? undefined : given.export_model;
    await exportModel({ ...request, configText, checkpoint });
    return { status: "finished", runDirectory: tree.zooPackages };
  }
  const status = await runWorkflow({
    ...request,
    configText,
    resume: given.resume === true,
    precision: given.precision,
    partSize: given.part_size,
    fits: (batchSize) => fitsInProcess(batchSize, signal),
  });
  if (status === "finished" && config.flag("MODEL.BMZ.EXPORT.ENABLE"))
    await exportModel({ ...request, configText });
  // A run that only tests reports the checkpoint that it loaded.
  const loaded = config.text("PATHS.CHECKPOINT_FILE");
  const best = config.flag("TRAIN.ENABLE") || loaded === "" ? tree.bestCheckpoint : loaded;
  return {
    status,
    checkpoint: existsSync(best) && !(unpacked && best === loaded) ? best : undefined,
    resume: status === "stopped" ? resumeArguments(given) : undefined,
  };
}

async function main(argv: readonly string[]): Promise<number> {
  const tool = await runTool(argv);
  if (tool !== undefined) return tool;
  const given = parseArguments(argv);
  if (given.try_batch !== undefined) return tryBatch(given, given.try_batch);
  return run(
    given,
    given.events ? jsonLinesReporter(process.stdout) : consoleReporter(process.stdout, process.argv[1]),
  );
}

const code = await main(process.argv.slice(2));
// Waits until pipes have received all output.
process.stderr.write("", () => process.stdout.write("", () => process.exit(code)));
