import type { RunEvent } from "../../facts/run-events.ts";
import { eventsAfter } from "../panel/run-history.ts";
import type { RunSource } from "../runs/run-source.ts";

/**
 * Calls `listener` once with every event of a run, in order from the first, including events that arrive while past ones are
 * read. Resolves when all past events have been passed on; `stop` ends it.
 */
export function followRun(
  runs: Pick<RunSource, "events" | "onDidReceiveEvents">,
  run: string,
  listener: (event: RunEvent) => void,
): { readonly told: Promise<void>; stop(): void } {
  let meanwhile: RunEvent[] | undefined = [];
  let stopped = false;
  const subscription = runs.onDidReceiveEvents((message) => {
    if (message.run !== run) return;
    if (meanwhile !== undefined) meanwhile.push(...message.events);
    else message.events.forEach(listener);
  });
  const tellPast = async () => {
    const past = await runs.events(run);
    if (stopped) return;
    const rest = eventsAfter(past, meanwhile ?? []);
    meanwhile = undefined;
    for (const event of past) listener(event);
    rest.forEach(listener);
  };
  const stop = () => {
    stopped = true;
    subscription.dispose();
  };
  return { told: tellPast(), stop };
}
