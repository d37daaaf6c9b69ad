/** Learning rates as BiaPy's and PyTorch's own schedulers set them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { Schedule } from "../../src/training/schedule.ts";
import { scheduleSettings } from "../../src/workflow/settings.ts";

interface References {
  readonly rate: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** The validation loss after each epoch. */
  readonly losses: readonly number[];
}

const file = join(import.meta.dirname, "../fixtures/schedules.json");
const references: References & Record<string, number[]> = JSON.parse(readFileSync(file, "utf8"));
const { rate, epochs, stepsPerEpoch, losses } = references;

/** The rate of every step of a training, stopped and restored after each epoch. */
function ratesOf(schedule: string): number[] {
  const text = `TRAIN: {EPOCHS: ${epochs}, LR_SCHEDULER: {${schedule}}}`;
  const settings = scheduleSettings(loadConfig("schedule.yaml", text).config);
  const made = () => new Schedule(settings, rate, epochs, stepsPerEpoch);
  let current = made();
  return losses.flatMap((loss, epoch) => {
    const rates = Array.from({ length: stepsPerEpoch }, (_, step) => current.rateAt(epoch, step));
    current.epochEnded(loss);
    const resumed = made();
    resumed.restore(current.state);
    current = resumed;
    return rates;
  });
}

const COSINE = "NAME: warmupcosine, MIN_LR: [1.E-5]";

for (const [name, schedule] of [
  ["warmupcosine", `${COSINE}, WARMUP_COSINE_DECAY_EPOCHS: 3`],
  ["warmup, hold, cosine", `${COSINE}, WARMUP_COSINE_DECAY_EPOCHS: 3, COSINE_DECAY_FRACTION: 0.35`],
  ["hold, cosine", `${COSINE}, COSINE_DECAY_FRACTION: 0.5`],
  ["onecycle", "NAME: onecycle"],
  [
    "reduceonplateau",
    "NAME: reduceonplateau, MIN_LR: [1.E-4], REDUCEONPLATEAU_PATIENCE: 1, REDUCEONPLATEAU_FACTOR: 0.4",
  ],
]) {
  test(`the rates of ${name} are the reference's at every step`, () => {
    const rates = ratesOf(schedule);
    assert.equal(rates.length, references[name].length);
    rates.forEach((each, step) => {
      const expected = references[name][step];
      assert.ok(
        Math.abs(each - expected) <= 1e-9 * rate + 1e-9 * expected,
        `step ${step}: ${each}, not ${expected}`,
      );
    });
  });
}

for (const count of [4, 12, 101, 320]) {
  test(`the rates of warmupreduceonplateau in ${count} epochs are BiaPy's`, () => {
    const known = references[`warmupreduceonplateau, ${count} epochs`];
    const schedule = new Schedule({ kind: "warmupreduceonplateau" }, rate, count, stepsPerEpoch);
    for (const [at, expected] of known.entries()) {
      const found = schedule.rateAt(Math.floor(at / stepsPerEpoch), at % stepsPerEpoch);
      assert.ok(Math.abs(found - expected) <= 1e-12, `step ${at}: ${found}, not ${expected}`);
    }
  });
}
