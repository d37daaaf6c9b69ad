/** The names by which runs are shown beside each other. */

export interface NamedRun {
  /** Name of its job. */
  readonly name: string;
  readonly runId: number;
  /** The name that a person gave it; empty or absent for none. */
  readonly title?: string;
}

/** The usual name of a run: `cells, run 1`. */
export const runName = ({ name, runId }: NamedRun): string => `${name}, run ${runId}`;

/** Returns the titles of runs, in order: the given name, else the usual one. Where two share a title, the usual name is added to the given one. */
export function runTitles(runs: readonly NamedRun[]): string[] {
  const titles = runs.map((run) => run.title || runName(run));
  return runs.map((run, index) => {
    const title = run.title || runName(run);
    const shared = titles.some((other, at) => at !== index && other === title);
    return shared && run.title ? `${title} (${runName(run)})` : title;
  });
}
