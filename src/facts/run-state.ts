/**
 * A run's state on disk: `state.json` in its record folder, one JSON object that is replaced as a whole.
 *
 * The engine writes it (`src/workflow/durable-run.ts`). All code that starts, resumes, tests, supervises or lists runs reads it instead of
 * guessing from other files. Each checkpoint contains the `training` of its state, so the files of another training are recognized,
 * regardless of when a run was killed.
 */
import * as v from "valibot";
import { DamagedFileError, readJson } from "./files/regular-file.ts";
import type { ResultTree } from "./result-tree.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const runState = v.pipe(
  v.object({
    format: v.literal(1),
    /** Random identity of the training. */
    training: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/, "it is not an identity")),
    /** The engine writes `training` and `testing` while it works. An interrupted run keeps them after its process has ended. */
    status: v.picklist(["training", "testing", "stopped", "finished", "failed"]),
    /** Epochs done in the furthest checkpoint; 0 before the first one. */
    epoch: count,
    /** Steps done in the epoch after that. */
    step: count,
    /** TRAIN.EPOCHS. */
    epochs: count,
    best: v.optional(v.pipe(v.object({ epoch: count, loss: v.pipe(v.number(), v.finite()) }), v.readonly())),
    /** Whether nothing is left to train. */
    trained: v.boolean(),
    /** Whether files of an earlier training are being moved away: those that remain belong to it. */
    settingAside: v.optional(v.boolean()),
    /** Why the run failed. */
    message: v.optional(v.string()),
    /** When this was written, in milliseconds since the epoch. */
    time: v.pipe(v.number(), v.finite()),
  }),
  v.readonly(),
);

export type RunState = v.InferOutput<typeof runState>;

/** The state of a run cannot be read. The message names the file, the reason and what to do. */
export class RunStateError extends Error {
  override readonly name = "RunStateError";
}

/** Maximum size of a state: this program writes a few hundred bytes. */
const MOST_BYTES = 1 << 16;

/** Reads the state of a run; undefined if it has none. Throws {@link RunStateError} for a damaged file. */
export async function readRunState({ stateFile, name, runId }: ResultTree): Promise<RunState | undefined> {
  try {
    return await readJson(stateFile, runState, MOST_BYTES);
  } catch (error) {
    if (!(error instanceof DamagedFileError)) throw error;
    throw new RunStateError(
      `${stateFile} ${error.message}. Start run ${runId} of ${name} again without --resume, which keeps its checkpoints, or use another --run_id.`,
    );
  }
}
