/** BiaPy's training log, `*_training_log.json`: one JSON object per epoch and line. */
import { finiteMetrics } from "../facts/finite.ts";
import type { Metrics } from "../facts/run-events.ts";
import type { EpochRecord } from "./train-log.ts";

/** What BiaPy logs of an epoch. It logs no duration. */
export type LoggedEpoch = Omit<EpochRecord, "seconds">;

/** Reads the rows of a log's text. Lines that are no rows are left out. */
export function biapyEpochs(text: string): LoggedEpoch[] {
  return text.split("\n").flatMap((line) => {
    const row = rowIn(line);
    return row === undefined || !Number.isSafeInteger(row.epoch) ? [] : [loggedEpoch(row)];
  });
}

function rowIn(line: string): Metrics | undefined {
  try {
    // Python writes NaN and Infinity, which JSON does not have.
    const row: unknown = JSON.parse(line.replace(/-?\b(NaN|Infinity)\b/g, "null"));
    return typeof row === "object" && row !== null ? finiteMetrics({ ...row }) : undefined;
  } catch {
    return undefined;
  }
}

/** BiaPy counts epochs from 0 and calls validation `test`; its metrics are in capitals. */
function loggedEpoch(row: Metrics): LoggedEpoch {
  const part = (prefix: string) => {
    const own = Object.entries(row).filter(([name]) => name.startsWith(prefix) && name !== "train_lr");
    return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length).toLowerCase(), value]));
  };
  const validation = part("test_");
  return {
    epoch: row.epoch + 1,
    train: part("train_"),
    validation: Object.keys(validation).length > 0 ? validation : undefined,
    learningRate: row.train_lr ?? 0,
  };
}
