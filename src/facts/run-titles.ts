/** Names of runs that are shown together. */

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
  const titles = runs.map((run) => run.title || runName(run));
  return runs.map((run, index) => {
    const title = run.title || runName(run);
    const shared = titles.some((other, at) => at !== index && other === title);
    return shared && run.title ? `${title} (${runName(run)})` : title;
  });
}
