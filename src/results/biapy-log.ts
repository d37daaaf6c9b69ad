/** BiaPy's training log, `*_training_log.json`: one JSON object per epoch and line. */
import type { LogRow } from "./log-rows.ts";
import type { EpochRecord } from "./train-log.ts";

/** An epoch in BiaPy's log, which has no duration. */
export type LoggedEpoch = Omit<EpochRecord, "seconds">;

/** Returns the epoch of a row. BiaPy counts epochs from 0 and calls validation `test`; its metrics are in capitals. */
export function biapyEpoch({ epoch, ...metrics }: LogRow): LoggedEpoch {
  const part = (prefix: string) => {
    const own = Object.entries(metrics).filter(([name]) => name.startsWith(prefix) && name !== "train_lr");
    return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length).toLowerCase(), value]));
  };
  const validation = part("test_");
  return {
    epoch: epoch + 1,
    train: part("train_"),
    validation: Object.keys(validation).length > 0 ? validation : undefined,
    learningRate: metrics.train_lr ?? 0,
  };
}
