/** Reads a run's epochs from its logs: our own with one row per epoch, or BiaPy's `*_training_log.json`. */
import { openRegularFile } from "../facts/files/regular-file.ts";
import type { Metrics } from "../facts/run-events.ts";
import { readRows } from "./log-rows.ts";
import { type EpochRecord, readTrainLog } from "./train-log.ts";

export interface RunLog {
  readonly epochs: readonly EpochRecord[];
  /** Whether BiaPy's log says that the job has finished. */
  readonly finished: boolean;
}

/** Number of bytes at the end of BiaPy's log that are searched for its end. */
const TAIL = 4096;

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

/** Reads BiaPy's log, which counts epochs from 0, calls validation `test` and capitalizes metrics. */
async function readBiapyLog(path: string): Promise<EpochRecord[]> {
  return (await readRows(path)).map((row) => {
    const { lr: learningRate = 0, ...train } = metricsOf(row, "train_");
    const validation = metricsOf(row, "test_");
    const judged = Object.keys(validation).length > 0 ? validation : undefined;
    return { epoch: row.epoch + 1, train, validation: judged, learningRate, seconds: 0 };
  });
}

function metricsOf(row: Readonly<Record<string, number>>, prefix: string): Metrics {
  const own = Object.entries(row).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length).toLowerCase(), value]));
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
