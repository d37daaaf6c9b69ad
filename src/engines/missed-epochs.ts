/**
 * Epochs that a run trained after its supervisor was killed. The trainer logged them, but their events were not recorded. They are
 * added when the run is resumed.
 */
import { epochLoss } from "../facts/epoch-loss.ts";
import { resultTree } from "../facts/result-tree.ts";
import type { EpochEvent, RunEvent } from "../facts/run-events.ts";
import { readTrainLog, trainLogPath } from "../results/train-log.ts";
import { readEvents } from "../runs/event-file.ts";
import { type RunPlace, recordFilesOf } from "../runs/record.ts";

/** Returns an event for each epoch in the run's log that its events lack, in order. */
export async function missedEpochs(run: RunPlace): Promise<readonly EpochEvent[]> {
  const log = await readTrainLog(trainLogPath(resultTree(run.resultDirectory, run.name, run.runId)));
  const { events } = await readEvents(recordFilesOf(run).events, 0, Number.MAX_SAFE_INTEGER);
  const recorded = new Set(events.flatMap((event) => (event.event === "epoch" ? [event.epoch] : [])));
  // A run without any recorded event was not started by a supervisor.
  if (events.length === 0) return [];
  const epochs = events.reduce((last, event) => epochsOf(event) ?? last, log.length);
  let least = Number.POSITIVE_INFINITY;
  const missed: EpochEvent[] = [];
  for (const row of log) {
    const loss = epochLoss(row) ?? Number.POSITIVE_INFINITY;
    const best = loss < least;
    if (best) least = loss;
    if (recorded.has(row.epoch)) continue;
    // The log has no time left and no memory usage.
    missed.push({ event: "epoch", time: Date.now(), ...row, epochs, secondsLeft: 0, memoryBytes: 0, best });
  }
  return missed;
}

/** Returns the number of epochs of the whole run, if the event has it. */
function epochsOf(event: RunEvent): number | undefined {
  return event.event === "start" || event.event === "epoch" ? event.epochs : undefined;
}
