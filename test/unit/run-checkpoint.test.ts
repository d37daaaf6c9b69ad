/** What this engine adds to a checkpoint of BiaPy in order to resume exactly. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { saveBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { CheckpointError } from "../../src/checkpoint/checkpoint-error.ts";
import { CheckpointTensor } from "../../src/checkpoint/tensor.ts";
import { readHeader } from "../../src/workflow/run-checkpoint.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();

const STATE = {
  epoch: 2,
  step: 1,
  stepsPerEpoch: 4,
  optimizerSteps: 9,
  schedule: { scale: 1, best: null, epochsWithoutGain: 0 },
  bestLoss: 0.5,
  bestEpoch: 1,
  epochsWithoutGain: 1,
  sums: { loss: 0.25 },
  counts: { loss: 1 },
};
const IDENTITY = { training: "0123456789abcdef", normalizePixels: false, images: { TRAIN: "2 images abc" } };

async function headerOf(name: string, trainer: object, identity: object) {
  const path = join(folder, name);
  await saveBiapyCheckpoint(path, {
    weights: new Map([["weight", CheckpointTensor.of(Float32Array.of(1), [1])]]),
    modelBuildArguments: {},
    epoch: 2,
    config: {},
    engineState: { trainer: JSON.stringify(trainer), identity: JSON.stringify(identity) },
  });
  return readHeader(path);
}

test("the state of a training is read as it was written, also under an earlier spelling", async () => {
  const header = await headerOf("whole.pth", STATE, IDENTITY);
  assert.deepEqual([header?.state, header?.identity], [STATE, IDENTITY]);
  const { optimizerSteps, ...others } = STATE;
  const earlier = await headerOf("earlier.pth", { ...others, optimiserSteps: optimizerSteps }, IDENTITY);
  assert.deepEqual(earlier?.state, STATE);
});

test("a malformed state or identity is refused with its key", async () => {
  const broken: readonly (readonly [object, object, RegExp])[] = [
    [{ ...STATE, schedule: null }, IDENTITY, /schedule/],
    [{ ...STATE, counts: { loss: "1" } }, IDENTITY, /counts\.loss/],
    [{ ...STATE, epoch: -1 }, IDENTITY, /epoch/],
    [STATE, { ...IDENTITY, images: undefined }, /images/],
    [STATE, { ...IDENTITY, images: { TRAIN: 3 } }, /images\.TRAIN/],
  ];
  for (const [index, [state, identity, key]] of broken.entries())
    await assert.rejects(
      headerOf(`broken-${index}.pth`, state, identity),
      (error) => error instanceof CheckpointError && key.test(error.message),
      String(key),
    );
});
