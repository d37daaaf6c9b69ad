/** Parses the size of a label study from text that the user enters. */

/** The size of a label study. */
export interface StudySize {
  /** Numbers of labeled images, ascending; none for 1, 2, 4, … up to all. */
  readonly labels: readonly number[];
  /** Trainings of each kind. */
  readonly seeds: number;
}

/** The size that is proposed. */
export const USUAL_SIZE: StudySize = { labels: [], seeds: 3 };

/** Maximum number of seeds: a configuration is written for each training before the user confirms them. */
const MOST_SEEDS = 100;

type Answer<T> = { readonly value: T } | { readonly problem: string };

const WHOLE = /^[1-9]\d{0,8}$/;

/** Reads numbers of labeled images such as `1, 2, 4`; an empty text stands for the default. */
export function readLabels(text: string): Answer<readonly number[]> {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  const wrong = parts.find((part) => !WHOLE.test(part));
  if (wrong !== undefined)
    return { problem: `"${wrong}" is not a whole number from 1. Write numbers such as 1, 2, 4.` };
  return { value: [...new Set(parts.map(Number))].sort((one, other) => one - other) };
}

/** Reads the number of seeds. */
export function readSeeds(text: string): Answer<number> {
  const trimmed = text.trim();
  if (WHOLE.test(trimmed) && Number(trimmed) <= MOST_SEEDS) return { value: Number(trimmed) };
  return { problem: `Enter a whole number from 1 to ${MOST_SEEDS}.` };
}

/** The options of `biapy --label_study` for a size. */
export function sizeArguments({ labels, seeds }: StudySize): string[] {
  return [...(labels.length === 0 ? [] : ["--labels", labels.join(",")]), "--seeds", String(seeds)];
}
