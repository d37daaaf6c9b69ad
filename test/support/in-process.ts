/** Runs configurations in the tests' own process: a command takes two seconds to start. */
import assert from "node:assert/strict";
import { problemsOf } from "../../src/cli/refusals.ts";
import { checkConfig } from "../../src/config/checks.ts";
import { type Config, loadConfig } from "../../src/config/config.ts";
import { type ResultTree, resultTree } from "../../src/facts/result-tree.ts";
import type { NewRunEvent, Problem } from "../../src/facts/run-events.ts";
import type { Runtime } from "../../src/runtime/executable.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import type { Precision } from "../../src/runtime/precision.ts";
import { withCheckpointSettings } from "../../src/workflow/checkpoint-settings.ts";
import { runWorkflow } from "../../src/workflow/run.ts";

const runtime = new OnnxRuntime(2);

export interface Run {
  readonly status: "finished" | "stopped";
  readonly events: readonly NewRunEvent[];
  readonly tree: ResultTree;
  /** `per_image` */
  readonly folder: string;
}

export interface RunOptions {
  readonly resume?: boolean;
  readonly partSize?: number;
  /** `--norm_pix_loss` */
  readonly normalizePixels?: boolean;
  readonly precision?: Precision;
  /** Defaults to one runtime for all runs, on two threads. */
  readonly openRuntime?: () => Runtime;
  readonly watch?: (event: NewRunEvent, stopping: AbortController) => void;
}

/**
 * Runs the text of a configuration without errors as run `number` of the job `job`. `watch` sees each event and can request a stop.
 */
export async function run(
  results: string,
  number: number,
  text: string,
  options: RunOptions = {},
): Promise<Run> {
  const { config: given, problems } = loadConfig("job.yaml", text);
  const told: NewRunEvent[] = [];
  const tree = resultTree(results, "job", number);
  const config = await withCheckpointSettings(given, tree, (event) => told.push(event));
  const all = [...problems, ...checkConfig(config)];
  assert.deepEqual(
    all.filter(({ severity }) => severity === "error"),
    [],
  );
  const made = await runConfig(results, number, config, { configText: text, ...options });
  return { ...made, events: [...told, ...made.events] };
}

/** Runs a configuration that has been checked. See {@link run}. */
export async function runConfig(
  results: string,
  number: number,
  config: Config,
  {
    configText = "",
    resume = false,
    partSize,
    normalizePixels = false,
    precision,
    openRuntime = () => runtime,
    watch = () => {},
  }: RunOptions & { readonly configText?: string } = {},
): Promise<Run> {
  const tree = resultTree(results, "job", number);
  const events: NewRunEvent[] = [];
  const stopping = new AbortController();
  const status = await runWorkflow({
    config,
    configText,
    tree,
    resume,
    normalizePixels,
    partSize,
    precision,
    report: (event) => {
      events.push(event);
      watch(event, stopping);
    },
    signal: stopping.signal,
    openRuntime: async () => openRuntime(),
    fits: async () => true,
  });
  return { status, events, tree, folder: tree.perImage };
}

/** Requests a stop at a training step. Steps count from 1. */
export function stopAtStep(step: number): RunOptions["watch"] {
  let steps = 0;
  return ({ event }, stopping) => {
    if (event === "step" && ++steps === step) stopping.abort();
  };
}

/** The errors of a configuration, or of its images and masks, for which run `number` is refused. Fails if it is not. */
export async function refusedProblems(
  results: string,
  number: number,
  text: string,
): Promise<readonly Problem[]> {
  const { config, problems } = loadConfig("job.yaml", text);
  const found = [...problems, ...checkConfig(config)].filter(({ severity }) => severity === "error");
  if (found.length > 0) return found;
  return run(results, number, text).then(
    () => assert.fail("It was not refused."),
    (error: unknown) => {
      const refused = problemsOf(error);
      if (refused === undefined) throw error;
      return refused;
    },
  );
}

/** The messages of {@link refusedProblems}, a line each. */
export async function refusal(results: string, text: string): Promise<string> {
  return (await refusedProblems(results, 99, text)).map(({ message }) => message).join("\n");
}

/** The metrics of a run's epochs, without their times. */
export const epochsOf = ({ events }: Pick<Run, "events">) =>
  events.flatMap((event) =>
    event.event === "epoch" ? [{ epoch: event.epoch, train: event.train, validation: event.validation }] : [],
  );
