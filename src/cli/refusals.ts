/** Errors that are the user's to solve, as opposed to faults of the program. */
import { CheckpointError } from "../checkpoint/checkpoint-error.ts";
import { RunLockError } from "../facts/lock/run-lock.ts";
import type { Problem } from "../facts/run-events.ts";
import { RunStateError } from "../facts/run-state.ts";
import { ImageError } from "../images/image.ts";
import { InputError } from "../workflow/input-error.ts";

const REFUSALS = [CheckpointError, ImageError, RunStateError, RunLockError] as const;

/** Returns the problems of invalid input; undefined for internal errors. */
export function problemsOf(error: unknown): readonly Problem[] | undefined {
  if (error instanceof InputError) return error.problems;
  if (error instanceof Error && REFUSALS.some((refusal) => error instanceof refusal))
    return [{ severity: "error", message: error.message }];
  return undefined;
}

/** Returns what to do if this computer has run out of memory; undefined for other errors. */
export function memoryAdvice(error: unknown): string | undefined {
  const lacks = /could not allocate memory|Array buffer allocation failed|bad allocation|std::bad_alloc/;
  if (!(error instanceof Error) || !lacks.test(error.message)) return undefined;
  return `This computer has too little free memory (${error.message}). Close other programs, or make TRAIN.BATCH_SIZE or DATA.PATCH_SIZE smaller.`;
}
