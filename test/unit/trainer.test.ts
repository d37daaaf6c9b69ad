import assert from "node:assert/strict";
import { test } from "node:test";
import { Schedule } from "../../src/training/schedule.ts";
import { type Batch, Trainer, type TrainerParts, type TrainerState } from "../../src/training/trainer.ts";

const STEPS = 2;

/** Batches without inputs. A validation calls `read` before each. */
const source = (read = () => {}) => ({
  stepsPerEpoch: STEPS,
  async *batches(_epoch: number, firstStep: number): AsyncGenerator<Batch> {
    for (let step = firstStep; step < STEPS; step++) {
      read();
      yield { inputs: {}, count: 1 };
    }
  },
});

/** Trains epochs with these validation losses. Returns the status, the checkpoints, and the number of steps. */
async function train(
  losses: readonly number[],
  {
    signal = new AbortController().signal,
    read = () => {},
    spend = (_seconds: number) => {},
    from = undefined as TrainerState | undefined,
  } = {},
) {
  const saved: { readonly kind: string; readonly state: TrainerState }[] = [];
  const loss = Float32Array.of(0);
  let validated = from?.epoch ?? 0;
  let trained = 0;
  const parts: TrainerParts = {
    step: {
      steps: 0,
      inputs: {},
      outputs: { loss: Float32Array.of(1) },
      run: async () => {
        trained++;
        spend(2);
      },
      release: () => {},
    },
    evaluation: {
      inputs: {},
      outputs: { loss },
      run: async () => {
        loss[0] = losses[validated] ?? 0;
      },
      release: () => {},
    },
    training: source(),
    validation: source(read),
    schedule: new Schedule({ kind: "constant" }, 1, losses.length, STEPS),
    report: (event) => {
      if (event.event === "epoch") validated = event.epoch;
    },
    save: async (kind, state) => {
      saved.push({ kind, state });
      spend(10);
    },
    logEpoch: async () => {},
    showEpoch: async () => {},
  };
  const trainer = new Trainer(parts, { epochs: losses.length, patience: -1, seed: 0, checkpointEvery: 0 });
  if (from !== undefined) trainer.restore(from);
  const status = await trainer.run(signal);
  return { status, saved, trained };
}

test("an epoch of a few seconds is saved once: as the best, or to resume from", async () => {
  const { status, saved } = await train([3, 4, 2]);
  assert.equal(status, "finished");
  assert.deepEqual(
    saved.map(({ kind, state: { epoch, step, bestEpoch } }) => [kind, epoch, step, bestEpoch]),
    [
      ["best", 1, 0, 1],
      ["last", 2, 0, 1],
      ["best", 3, 0, 3],
    ],
  );
});

test("a validation that was stopped is repeated without the steps before it", async () => {
  const stop = new AbortController();
  const stopped = await train([3, 4], { signal: stop.signal, read: () => stop.abort() });
  assert.equal(stopped.status, "stopped");
  assert.deepEqual(
    stopped.saved.map(({ kind, state: { epoch, step } }) => [kind, epoch, step]),
    [["last", 0, STEPS]],
  );
  const resumed = await train([3, 4], { from: stopped.saved[0]?.state });
  assert.equal(resumed.status, "finished");
  assert.equal(resumed.trained, STEPS);
  assert.deepEqual(
    resumed.saved.map(({ kind, state: { epoch } }) => [kind, epoch]),
    [
      ["best", 1],
      ["last", 2],
    ],
  );
});

test("training that was not saved because checkpoints took their share of the time is saved before a validation", async (context) => {
  let clock = 0;
  context.mock.method(performance, "now", () => clock);
  const losses = Array.from({ length: 28 }, (_, epoch) => 1 + epoch);
  const { saved } = await train(losses, {
    spend: (seconds) => {
      clock += 1000 * seconds;
    },
  });
  // An epoch takes 4 seconds, a checkpoint 10. After one to resume from, the next is due after 100 seconds.
  assert.deepEqual(saved.map(({ kind, state: { epoch, step } }) => [kind, epoch, step]).slice(0, 3), [
    ["best", 1, 0],
    ["last", 2, 0],
    ["last", 19, STEPS],
  ]);
});
