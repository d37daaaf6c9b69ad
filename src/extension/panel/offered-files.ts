import type { RunEvent } from "../../facts/run-events.ts";

/** The files that a page has been told of: the only ones that it may open. */
export class OfferedFiles {
  /** The run that named a file, by path. */
  private readonly runs = new Map<string, string>();

  /** Takes in events that go to the page. */
  offer(run: string, events: readonly RunEvent[]): void {
    for (const event of events) for (const path of pathsIn(event)) this.runs.set(path, run);
  }

  /** Takes in further files of a run. */
  add(run: string, paths: readonly string[]): void {
    for (const path of paths) this.runs.set(path, run);
  }

  /** The run that named a file; nothing for a file that no event named. */
  runOf(path: string): string | undefined {
    return this.runs.get(path);
  }
}

/** The files that a page makes links or images of. */
function pathsIn(event: RunEvent): readonly string[] {
  if (event.event === "image") return Object.values(event.files).filter((path) => path !== undefined);
  if (event.event === "start") return [event.configFile];
  if (event.event === "problems") return event.problems.flatMap(({ file }) => file ?? []);
  return [];
}
