import type { Problem } from "../facts/run-events.ts";

/** The user's input is invalid. Ends the process with exit code 2. */
export class InputError extends Error {
  override readonly name = "InputError";
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map((problem) => problem.message).join("\n"));
  }
}
