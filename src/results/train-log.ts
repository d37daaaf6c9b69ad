/** The training log: one JSON object per epoch and line, with BiaPy's names (`train_loss`, `val_loss`, `lr`). */
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  createDurableFolder,
  explainingErrors,
  syncFolder,
  writeFileAtomically,
} from "../facts/files/write-file.ts";
import { finiteMetrics } from "../facts/finite-metrics.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import type { EpochEvent, Metrics } from "../facts/run-events.ts";
import { type LogRow, readRows } from "./log-rows.ts";

/** One epoch of a training. */
export type EpochRecord = Pick<EpochEvent, "epoch" | "train" | "validation" | "learningRate" | "seconds">;

/** Returns the path of a run's log. */
export function trainLogPath({ trainLogs, name, runId }: ResultTree): string {
  return join(trainLogs, `${name}_${runId}_log.jsonl`);
}

/** Returns an epoch's metrics and learning rate as BiaPy names them: `train_loss`, `val_loss`, `lr` and so on. */
export function epochScalars({ train, validation, learningRate }: EpochRecord): Record<string, number> {
  const named = (prefix: string, metrics: Metrics = {}) =>
    Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`${prefix}_${name}`, value]));
  return { ...named("train", train), ...named("val", validation), lr: learningRate };
}

function lineOf(record: EpochRecord): string {
  const row = { epoch: record.epoch, ...finiteMetrics(epochScalars(record)), seconds: record.seconds };
  return `${JSON.stringify(row)}\n`;
}

/** Appends an epoch's row and syncs it to disk. Throws `ResultError`. */
export async function appendTrainLog(path: string, record: EpochRecord): Promise<void> {
  await explainingErrors(path, async () => {
    await createDurableFolder(dirname(path));
    const handle = await open(path, "a");
    try {
      const isNew = (await handle.stat()).size === 0;
      await handle.writeFile(lineOf(record));
      await handle.datasync();
      if (isNew) await syncFolder(dirname(path));
    } finally {
      await handle.close();
    }
  });
}

/** Returns the epochs in a log, in order. If an epoch has several rows, the last one counts. */
export async function readTrainLog(path: string): Promise<EpochRecord[]> {
  const records = new Map((await readRows(path)).map((row) => [row.epoch, recordOf(row)]));
  return [...records.values()].sort((one, other) => one.epoch - other.epoch);
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

/** Drops the rows after `epoch`, which a resumed run writes again. The log is replaced as a whole. Throws `ResultError`. */
export async function truncateTrainLog(path: string, epoch: number): Promise<void> {
  const kept = (await readTrainLog(path)).filter((record) => record.epoch <= epoch);
  await writeFileAtomically(path, kept.map(lineOf).join(""));
}
