/** A thousand runs for the table, as the extension tells of them. */
import type { RunRow, RunRowDetails, ToTable } from "../../src/protocol/table-messages.ts";
import { summary } from "./recorded-runs.ts";

const COUNT = 1000;
const FIRST = Date.UTC(2026, 10, 1);

export const manyRunId = (index: number): string => `/results/run_${index}`;

const rows = Array.from({ length: COUNT }, (_, index): RunRow => {
  const started = FIRST + index * 60_000;
  const status = index % 10 === 3 ? "failed" : "finished";
  return {
    summary: { ...summary(manyRunId(index), status), name: "cells", runId: index, started },
    bestLoss: 1 / (index + 1),
    ended: started + 90_000,
  };
});

const details = rows.map(
  ({ summary: { id: run, runId } }): RunRowDetails => ({
    run,
    notes: { title: runId === 7 ? "Baseline" : "", notes: "", starred: runId === 7 },
    device: "CPU, 2 threads",
    tests: { psnr: 20 + (runId % 100) / 10 },
    keys: { "TRAIN.LR": runId % 2 === 0 ? "0.001" : "0.01", "DATA.PATCH_SIZE": "(64,64,1)" },
  }),
);

const defaults = { "TRAIN.LR": "0.0001", "DATA.PATCH_SIZE": "(256,256,1)" };

export const manyRuns: ToTable = { type: "runs", rows, details, defaults };
