/** Joins the problems of single keys with those of keys against each other. */
import type { Problem } from "../facts/run-events.ts";

/** A value that is no number makes what follows from it NaN. */
const isOfNoNumber = (text: string | undefined) => text !== undefined && /\bNaN\b/.test(text);

/**
 * Returns all problems, without those that only follow from a key that is wrong in itself: another one of this key, or one about a value
 * that is no number. A correction of the key that follows from other keys is kept.
 */
export function joinedProblems(ofKeys: readonly Problem[], ofChecks: readonly Problem[]): Problem[] {
  const wrong = new Set(ofKeys.flatMap(({ key, severity }) => (severity === "error" && key ? [key] : [])));
  const isWrong = (key: string | undefined) => key !== undefined && wrong.has(key);
  const follows = ({ key, message }: Problem) => isWrong(key) || (wrong.size > 0 && isOfNoNumber(message));
  const corrections = new Map(
    ofChecks
      .filter(({ key, suggestion }) => isWrong(key) && !isOfNoNumber(suggestion))
      .map(({ key, suggestion }) => [key, suggestion] as const),
  );
  const corrected = ofKeys.map((problem) => {
    const suggestion = problem.suggestion ?? corrections.get(problem.key);
    return suggestion === undefined ? problem : { ...problem, suggestion };
  });
  return [...corrected, ...ofChecks.filter((problem) => !follows(problem))];
}
