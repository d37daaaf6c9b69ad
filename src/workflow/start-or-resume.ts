/** How a run begins: from scratch, from a checkpoint, or with its tests. */
import type { Config } from "../config/config.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import { readRunState } from "../facts/run-state.ts";
import { whyTrained } from "../training/trainer.ts";
import type { DurableRun } from "./durable-run.ts";
import { InputError } from "./input-error.ts";
import { type CheckpointHeader, type RunCheckpoints, readHeader, runCheckpoints } from "./run-checkpoint.ts";
import type { RunRequest } from "./run-request.ts";
import { otherSettings } from "./same-training.ts";

export type Beginning =
  | { readonly kind: "fresh" }
  /** TRAIN.ENABLE is off. */
  | { readonly kind: "test" }
  | {
      readonly kind: "resume";
      /** The furthest first; the others are fallbacks for damaged ones. */
      readonly checkpoints: readonly [CheckpointHeader, ...CheckpointHeader[]];
      /** Why there is nothing left to train. */
      readonly done?: string;
    };

type Request = Pick<RunRequest, "config" | "tree" | "resume" | "normalizePixels" | "report">;

/**
 * Decides from its state and checkpoints how a run begins. Throws {@link InputError} if it cannot be resumed with this
 * configuration, or all checkpoints to resume from are damaged.
 */
export async function howToBegin(request: Request, run: DurableRun): Promise<Beginning> {
  const { config, tree, resume, report } = request;
  if (!config.flag("TRAIN.ENABLE")) return { kind: "test" };
  if (!resume) return { kind: "fresh" };
  if (run.damage !== undefined)
    throw new InputError([{ severity: "error", file: tree.stateFile, message: run.damage.message }]);
  const { headers, damaged } = await runCheckpoints(tree, run.state?.training);
  const [furthest, ...others] = headers;
  if (furthest === undefined) return nothingToResume(request, damaged);
  for (const { message } of damaged) report({ event: "log", level: "warning", message });
  const problems = [...otherSettings(furthest, config), ...otherPixels(request, furthest)];
  if (problems.length > 0) throw new InputError(problems);
  const limits = { epochs: config.number("TRAIN.EPOCHS"), patience: config.number("TRAIN.PATIENCE") };
  return { kind: "resume", checkpoints: [furthest, ...others], done: whyTrained(furthest.state, limits) };
}

function nothingToResume({ tree, report }: Request, [damaged]: RunCheckpoints["damaged"]): Beginning {
  if (damaged !== undefined)
    throw new InputError([
      {
        severity: "error",
        message: `${damaged.message} Run ${tree.runId} of ${tree.name} cannot be resumed: start it again without --resume.`,
      },
    ]);
  const message = `Run ${tree.runId} of ${tree.name} has no checkpoint to resume from: it starts from the beginning.`;
  report({ event: "log", level: "warning", message });
  return { kind: "fresh" };
}

function otherPixels({ normalizePixels }: Request, { path, identity }: CheckpointHeader) {
  if (identity.normalizePixels === normalizePixels) return [];
  const [was, now] = identity.normalizePixels ? ["with", "without"] : ["without", "with"];
  const message = `${path} was trained ${was} --norm_pix_loss and cannot be resumed ${now} it.`;
  return [{ severity: "error", message } as const];
}

/** Returns where a run would resume. Undefined if there is nothing to resume. Throws `RunStateError`. */
export async function furthestCheckpoint(tree: ResultTree): Promise<CheckpointHeader | undefined> {
  const state = await readRunState(tree);
  return (await runCheckpoints(tree, state?.training)).headers[0];
}

/** Returns the best checkpoint of a training, or the furthest if the best is missing. */
export async function bestCheckpoint(tree: ResultTree, training: string): Promise<CheckpointHeader> {
  const best = await readHeader(tree.bestCheckpoint).catch(() => undefined);
  if (best?.identity.training === training) return best;
  const { headers, damaged } = await runCheckpoints(tree, training);
  const [furthest] = headers;
  if (furthest !== undefined) return furthest;
  throw (
    damaged[0] ?? new Error(`The checkpoints of ${tree.name}, run ${tree.runId}, were removed meanwhile.`)
  );
}

/**
 * Refuses a checkpoint left by another training, which was being replaced when the process was killed.
 * Throws {@link InputError} and `CheckpointError`.
 */
export async function checkOwner(path: string, run: DurableRun, config: Config): Promise<void> {
  if (run.state === undefined) return;
  const header = await readHeader(path);
  if (header === undefined || header.identity.training === run.state.training) return;
  const message = `${path} is of an earlier training: the present one was interrupted before its first checkpoint. Train it, or name a checkpoint by PATHS.CHECKPOINT_FILE.`;
  throw new InputError([config.problem("TRAIN.ENABLE", message)]);
}
