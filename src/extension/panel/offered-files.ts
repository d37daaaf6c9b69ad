import type { RunEvent } from "../../facts/run-events.ts";

/** The files that were sent to a page: it may open only these. */
export class OfferedFiles {
  /** The run that named a file, by path. */
  private readonly runs = new Map<string, string>();

  /** Adds the files of events that are sent to the page. */
  offer(run: string, events: readonly RunEvent[]): void {
    for (const event of events) for (const path of pathsIn(event)) this.runs.set(path, run);
  }

  /** Adds further files of a run. */
  add(run: string, paths: readonly string[]): void {
    for (const path of paths) this.runs.set(path, run);
  }

  /** Returns the run that named a file; undefined if no event named it. */
  runOf(path: string): string | undefined {
    return this.runs.get(path);
  }
}

/** The files of an event that a page links to or shows. */
function pathsIn(event: RunEvent): readonly string[] {
  if (event.event === "image") return Object.values(event.files).filter((path) => path !== undefined);
  if (event.event === "start") return [event.configFile];
  if (event.event === "problems") return event.problems.flatMap(({ file }) => file ?? []);
  return [];
}
