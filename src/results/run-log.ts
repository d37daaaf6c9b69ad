/** Reads a run's epochs from its log: ours (`train-log.ts`) or BiaPy's (`biapy-log.ts`). */
import { openRegularFile } from "../facts/files/regular-file.ts";
import { biapyEpoch } from "./biapy-log.ts";
import { readRows } from "./log-rows.ts";
import { type EpochRecord, readTrainLog } from "./train-log.ts";

export interface RunLog {
  readonly epochs: readonly EpochRecord[];
  /** Whether the job has finished, according to BiaPy's log. */
  readonly finished: boolean;
}

/** Number of bytes at the end of BiaPy's log that are searched for its end. */
const TAIL = 4096;

/** Reads the epochs from all logs of a run, in order. Of an epoch that was logged twice, the last row counts. */
export async function readRunLog(logs: readonly string[]): Promise<RunLog> {
  const ours = logs.filter((log) => log.endsWith("_log.jsonl"));
  const theirs = logs.filter((log) => log.endsWith("_training_log.json"));
  const texts = logs.filter((log) => log.endsWith(".txt"));
  const epochs = (await Promise.all([...ours.map(readTrainLog), ...theirs.map(readBiapyLog)])).flat();
  const ends = await Promise.all(texts.map(tailOf));
  // A resumed run may log an epoch again.
  const last = new Map(epochs.map((epoch) => [epoch.epoch, epoch]));
  return {
    epochs: [...last.values()].sort((one, other) => one.epoch - other.epoch),
    finished: ends.some((text) => text.includes("FINISHED JOB")),
  };
}

async function readBiapyLog(path: string): Promise<EpochRecord[]> {
  return (await readRows(path)).map((row) => ({ ...biapyEpoch(row), seconds: 0 }));
}

async function tailOf(path: string): Promise<string> {
  const handle = await openRegularFile(path).catch(() => undefined);
  if (handle === undefined) return "";
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, TAIL);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString("utf8");
  } finally {
    await handle.close();
  }
}
