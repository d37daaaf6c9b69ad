/** Runs recorded from the command line's `--events`, with their images: paths in them begin with `@/`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RunEvent, StepEvent } from "../../src/facts/run-events.ts";
import type { RunStatus } from "../../src/facts/run-status.ts";
import type { RunSummary } from "../../src/protocol/panel-messages.ts";

const folder = fileURLToPath(new URL("../fixtures/panel/", import.meta.url));

/** `cells` is 2D and has 40 epochs, `cube` is 3D and has 12. */
export function recordedEvents(name: "cells" | "cube"): RunEvent[] {
  return readFileSync(join(folder, `${name}.jsonl`), "utf8")
    .replaceAll("@/", folder)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as RunEvent);
}

/** A result image of a recorded run: `cube/results/cube_1/MAE_checks/nuclei-test_masked.tif`. */
export const recordedImage = (path: string): string => join(folder, path);

export function summary(id: string, status: RunStatus, change: Partial<RunSummary> = {}): RunSummary {
  return {
    id,
    name: id,
    runId: 1,
    status,
    engine: "embedded",
    started: Date.UTC(2026, 10, 24, 12),
    resumable: false,
    ...change,
  };
}

/** Many steps of a loss that falls, noisily and the same each time. */
export function manySteps(count: number, stepsPerEpoch: number): StepEvent[] {
  let seed = 1;
  const noise = () => {
    seed = (seed * 48271) % 2147483647;
    return seed / 2147483647 - 0.5;
  };
  return Array.from({ length: count }, (_, at): StepEvent => {
    const loss = 0.05 + Math.exp(-at / (count / 6)) + noise() * 0.1;
    return {
      event: "step",
      time: at,
      epoch: Math.floor(at / stepsPerEpoch) + 1,
      step: (at % stepsPerEpoch) + 1,
      steps: stepsPerEpoch,
      metrics: {
        loss,
        mae: loss * 0.8,
        mse: loss * 0.9,
        psnr: 20 - 10 * Math.log10(loss + 0.06),
        ssim: 1 - loss / 2,
      },
      learningRate: 1e-3 * (1 - at / count),
      stepSeconds: 0.1,
      secondsLeft: (count - at) * 0.1,
    };
  });
}
