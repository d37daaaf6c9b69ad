/**
 * How a run stands on disk: `state.json` in its record folder, one JSON object that is replaced as a whole.
 *
 * The engine writes it (`src/workflow/durable-run.ts`). Whoever starts, resumes, tests, supervises or lists runs asks it, and does not
 * guess from the files that are there. Every checkpoint carries the `training` of the state it was written under, so files that another
 * training left are recognized whatever moment a run was killed at.
 */
import * as v from "valibot";
import { DamagedFileError, readJson } from "./files/regular-file.ts";
import type { ResultTree } from "./result-tree.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const runState = v.pipe(
  v.object({
    format: v.literal(1),
    /** Identity of the training, random. */
    training: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/, "it is no identity")),
    /** `training` and `testing` are written while the engine works. A run whose process is gone keeps them: it was interrupted. */
    status: v.picklist(["training", "testing", "stopped", "finished", "failed"]),
    /** Epochs done in the checkpoint that is furthest; 0 before the first one. */
    epoch: count,
    /** Steps done in the epoch after those. */
    step: count,
    /** TRAIN.EPOCHS. */
    epochs: count,
    best: v.optional(v.pipe(v.object({ epoch: count, loss: v.pipe(v.number(), v.finite()) }), v.readonly())),
    /** Whether nothing is left to train. */
    trained: v.boolean(),
    /** Files of an earlier training are being moved away: those that are still in place belong to it. */
    settingAside: v.optional(v.boolean()),
    /** Why the run failed. */
    message: v.optional(v.string()),
    /** When this was written, in milliseconds since the epoch. */
    time: v.pipe(v.number(), v.finite()),
  }),
  v.readonly(),
);

/** How a run stands. */
export type RunState = v.InferOutput<typeof runState>;

/** The state of a run cannot be read; the message names the file, says why and what to do. */
export class RunStateError extends Error {
  override readonly name = "RunStateError";
}

/** Larger files are not states: this program writes a few hundred bytes. */
const MOST_BYTES = 1 << 16;

/** Reads the state of a run; undefined where it has none. Throws {@link RunStateError} for a file that is damaged. */
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
