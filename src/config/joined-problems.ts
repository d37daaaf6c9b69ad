/** Joins the problems of single keys with those of keys against each other. */
import type { Problem } from "../facts/run-events.ts";

/**
 * Returns all problems. A key that has an error of its own is not reported again: its value cannot be compared with others. A correction
 * that follows from other keys is kept.
 */
export function joinedProblems(ofKeys: readonly Problem[], ofChecks: readonly Problem[]): Problem[] {
  const wrong = new Set(ofKeys.flatMap(({ key, severity }) => (severity === "error" && key ? [key] : [])));
  const isRepeated = ({ key }: Problem) => key !== undefined && wrong.has(key);
  const corrections = new Map(
    ofChecks.filter(isRepeated).map(({ key, suggestion }) => [key, suggestion] as const),
  );
  const corrected = ofKeys.map((problem) => {
    const suggestion = problem.suggestion ?? corrections.get(problem.key);
    return suggestion === undefined ? problem : { ...problem, suggestion };
  });
  return [...corrected, ...ofChecks.filter((problem) => !isRepeated(problem))];
}
