import type { Problem } from "./run-events.ts";

/** Returns the first error among problems in words, with the number of others; undefined if there is none. */
export function firstError(problems: readonly Problem[]): string | undefined {
  const [first, ...more] = problems.filter(({ severity }) => severity === "error");
  return first && `${first.message}${more.length === 0 ? "" : ` (and ${more.length} more)`}`;
}
