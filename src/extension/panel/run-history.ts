import type { RunEvent, StepEvent } from "../../facts/run-events.ts";
import type { RunHistory, StepColumns } from "../../protocol/panel-messages.ts";

/**
 * Condenses a run's events for a page: steps become columns, and outdated events are dropped (earlier progress, earlier
 * versions of an image, steps and epochs repeated after a resume).
 */
export function condense(run: string, events: readonly RunEvent[]): RunHistory {
  let steps: StepEvent[] = [];
  let others: RunEvent[] = [];
  for (const event of events) {
    if (event.event === "step") steps.push(event);
    else {
      if (event.event === "start") {
        steps = steps.filter(({ epoch }) => epoch < event.firstEpoch);
        others = others.filter((other) => other.event !== "epoch" || other.epoch < event.firstEpoch);
      }
      others.push(event);
    }
  }
  const last = steps.at(-1);
  const kept = withoutReplaced(others);
  if (last === undefined) return { run, steps: columns(steps), events: kept };
  const after = kept.findIndex(({ time }) => time >= last.time);
  const at = after < 0 ? kept.length : after;
  return { run, steps: columns(steps), events: [...kept.slice(0, at), last, ...kept.slice(at)] };
}

/** Drops the events that a later event replaces. */
function withoutReplaced(events: readonly RunEvent[]): RunEvent[] {
  /** Subjects of later events. */
  const later = new Set<string>();
  const kept: RunEvent[] = [];
  for (const event of events.toReversed()) {
    const subject = subjectOf(event);
    if (subject !== undefined && later.has(subject)) continue;
    if (subject !== undefined) later.add(subject);
    kept.push(event);
  }
  return kept.reverse();
}

/** The subject of an event; a later event with the same subject replaces it. */
function subjectOf(event: RunEvent): string | undefined {
  if (event.event === "progress") return "progress";
  if (event.event === "image") return `image ${event.kind} ${event.image}`;
  if (event.event === "test") return `test ${event.image ?? ""}`;
  return undefined;
}

function columns(steps: readonly StepEvent[]): StepColumns {
  const names = new Set<string>();
  for (const { metrics } of steps) for (const name in metrics) names.add(name);
  const column = (value: (step: StepEvent) => number | undefined) => {
    // `Float64Array.from` takes five times as long.
    const values = new Float64Array(steps.length);
    let at = 0;
    for (const step of steps) values[at++] = value(step) ?? Number.NaN;
    return values;
  };
  return {
    position: column(({ epoch, step, steps: inEpoch }) => epoch - 1 + step / inEpoch),
    learningRate: column(({ learningRate }) => learningRate),
    metrics: Object.fromEntries([...names].map((name) => [name, column(({ metrics }) => metrics[name])])),
  };
}

/** Events received while the history was read that are not in it. */
export function eventsAfter(history: readonly RunEvent[], received: readonly RunEvent[]): RunEvent[] {
  const last = history.at(-1)?.time ?? 0;
  const ofLastMoment = new Set<string>();
  for (let at = history.length - 1; history[at]?.time === last; at--)
    ofLastMoment.add(JSON.stringify(history[at]));
  return received.filter(
    (event) => event.time > last || (event.time === last && !ofLastMoment.has(JSON.stringify(event))),
  );
}
