/** Joins the problems of single keys with those of keys against each other. */
import type { Problem } from "../facts/run-events.ts";

/** Whether a text was computed from a value that is not a number. */
const hasNaN = (text: string | undefined) => text !== undefined && /\bNaN\b/.test(text);

/**
 * Returns all problems except those that a wrong key causes: further problems of that key, and problems with NaN in their message. A wrong
 * key keeps the correction that other keys suggest.
 */
export function joinedProblems(ofKeys: readonly Problem[], ofChecks: readonly Problem[]): Problem[] {
  const wrong = new Set(ofKeys.flatMap(({ key, severity }) => (severity === "error" && key ? [key] : [])));
  const isWrong = (key: string | undefined) => key !== undefined && wrong.has(key);
  const follows = ({ key, message }: Problem) => isWrong(key) || (wrong.size > 0 && hasNaN(message));
  const corrections = new Map(
    ofChecks
      .filter(({ key, suggestion }) => isWrong(key) && !hasNaN(suggestion))
      .map(({ key, suggestion }) => [key, suggestion] as const),
  );
  const corrected = ofKeys.map((problem) => {
    const suggestion = problem.suggestion ?? corrections.get(problem.key);
    return suggestion === undefined ? problem : { ...problem, suggestion };
  });
  return [...corrected, ...ofChecks.filter((problem) => !follows(problem))];
}
