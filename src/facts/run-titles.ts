/** Names of runs that are shown together. */

/** What names a run. */
export interface NamedRun {
  /** Name of its job. */
  readonly name: string;
  readonly runId: number;
  /** Name given by the user; empty or absent for none. */
  readonly title?: string;
}

/** Returns the default name of a run: `cells, run 1`. */
export const runName = ({ name, runId }: NamedRun): string => `${name}, run ${runId}`;

/** Returns the title of each run: the given name, or the default one. If two runs share a title, the default name is added. */
export function runTitles(runs: readonly NamedRun[]): string[] {
  const titleOf = (run: NamedRun) => run.title || runName(run);
  const counts = new Map<string, number>();
  for (const title of runs.map(titleOf)) counts.set(title, (counts.get(title) ?? 0) + 1);
  return runs.map((run) => {
    const title = titleOf(run);
    const shared = (counts.get(title) ?? 0) > 1;
    return shared && run.title ? `${title} (${runName(run)})` : title;
  });
}
