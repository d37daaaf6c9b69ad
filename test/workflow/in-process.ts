/** Running configurations in the tests' own process, which is faster than the command. */
import assert from "node:assert/strict";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { type ResultTree, resultTree } from "../../src/facts/result-tree.ts";
import type { NewRunEvent } from "../../src/facts/run-events.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
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
  readonly watch?: (event: NewRunEvent, stopping: AbortController) => void;
}

/** Runs a configuration without errors as run `number` of the job `job`; `watch` may ask it to stop. */
export async function run(
  results: string,
  number: number,
  text: string,
  { resume = false, partSize, watch = () => {} }: RunOptions = {},
): Promise<Run> {
  const { config, problems } = loadConfig("job.yaml", text);
  const all = [...problems, ...checkConfig(config)];
  assert.deepEqual(
    all.filter(({ severity }) => severity === "error"),
    [],
  );
  const tree = resultTree(results, "job", number);
  const events: NewRunEvent[] = [];
  const stopping = new AbortController();
  const status = await runWorkflow({
    config,
    configText: text,
    tree,
    resume,
    normalizePixels: false,
    partSize,
    report: (event) => {
      events.push(event);
      watch(event, stopping);
    },
    signal: stopping.signal,
    openRuntime: async () => runtime,
    fits: async () => true,
  });
  return { status, events, tree, folder: tree.perImage };
}

/** The problems that a configuration has, or that its images and masks make a run stop with; none is a failure of the test. */
export async function refusal(results: string, text: string): Promise<string> {
  const { config, problems } = loadConfig("job.yaml", text);
  const found = [...problems, ...checkConfig(config)].filter(({ severity }) => severity === "error");
  if (found.length > 0) return found.map(({ message }) => message).join("\n");
  const error: unknown = await run(results, 99, text).then(
    () => undefined,
    (reason) => reason,
  );
  assert.ok(error instanceof Error && error.name === "InputError", String(error));
  return error.message;
}

/** The rows of a run's log of epochs, without their times. */
export const epochsOf = ({ events }: Pick<Run, "events">) =>
  events.flatMap((event) =>
    event.event === "epoch" ? [{ epoch: event.epoch, train: event.train, validation: event.validation }] : [],
  );
