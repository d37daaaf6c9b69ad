import { appendFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { explainedWriteError, writeFileAtomically } from "../facts/files/write-file.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import type { EpochEvent, Metrics } from "../facts/run-events.ts";
import { type LogRow, readRows } from "./log-rows.ts";

/** One epoch of a training. */
export type EpochRecord = Pick<EpochEvent, "epoch" | "train" | "validation" | "learningRate" | "seconds">;

export function trainLogPath({ trainLogs, name, runId }: ResultTree): string {
  return join(trainLogs, `${name}_${runId}_log.jsonl`);
}

/** An epoch's metrics and learning rate as BiaPy names them: `train_loss`, `val_loss`, `lr` and so on. */
export function epochScalars({ train, validation, learningRate }: EpochRecord): Record<string, number> {
  const named = (prefix: string, metrics: Metrics = {}) =>
    Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`${prefix}_${name}`, value]));
  return { ...named("train", train), ...named("val", validation), lr: learningRate };
}

/** Adds an epoch's row: a JSON object with `train_loss`, `val_loss` and so on, as BiaPy names them. */
export async function appendTrainLog(path: string, record: EpochRecord): Promise<void> {
  const row = { epoch: record.epoch, ...epochScalars(record), seconds: record.seconds };
  try {
    await mkdir(dirname(path), { recursive: true });
    await appendFile(path, `${JSON.stringify(row)}\n`);
  } catch (error) {
    throw explainedWriteError(path, error);
  }
}

/** The epochs that a log holds; a last line that was cut off is left out. */
export async function readTrainLog(path: string): Promise<EpochRecord[]> {
  return (await readRows(path)).map(recordOf);
}

function recordOf(row: LogRow): EpochRecord {
  const part = (prefix: string) =>
    Object.fromEntries(
      Object.entries(row)
        .filter(([name]) => name.startsWith(`${prefix}_`))
        .map(([name, value]) => [name.slice(prefix.length + 1), value]),
    );
  const validation = part("val");
  return {
    epoch: row.epoch,
    train: part("train"),
    validation: Object.keys(validation).length > 0 ? validation : undefined,
    learningRate: row.lr ?? 0,
    seconds: row.seconds ?? 0,
  };
}

/** Drops the rows after `epoch`: a run that goes on from there writes them again. */
export async function truncateTrainLog(path: string, epoch: number): Promise<EpochRecord[]> {
  const kept = (await readTrainLog(path)).filter((record) => record.epoch <= epoch);
  await writeFileAtomically(path, "");
  for (const record of kept) await appendTrainLog(path, record);
  return kept;
}
