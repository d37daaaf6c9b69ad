/** Networks that start from what another one learned. */
import assert from "node:assert/strict";
import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { weightsOf } from "../support/checkpoint-weights.ts";
import { samples } from "../support/command.ts";
import { type Run, refusedProblems, run } from "../support/in-process.ts";
import { messagesOf } from "../support/run-events.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const VIT = "VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 24, VIT_NUM_LAYERS: 3, VIT_NUM_HEADS: 3";

function configuration(patch: number, model: string, train = "EPOCHS: 1, LR: 1.E-3"): string {
  return `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D}
DATA:
  PATCH_SIZE: (${patch},${patch},1)
  TRAIN: {PATH: ${JSON.stringify(samples("2d/train"))}}
  VAL: {SPLIT_TRAIN: 0.1}
  TEST: {PATH: ${JSON.stringify(samples("2d/test"))}}
MODEL: {${model}}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, BATCH_SIZE: 32, ${train}}
TEST: {ENABLE: False}
`;
}

const logs = ({ events }: Run) => messagesOf(events).join("\n");

/** Puts the degraded copies into a folder, not beside the sample images. */
const copies = (folder: string, text: string) =>
  text.replaceAll(/(TRAIN|TEST): \{PATH/g, (_, phase: string) => {
    return `${phase}: {SSL_SOURCE_DIR: ${JSON.stringify(join(folder, `copies-${phase}`))}, PATH`;
  });

/** Keys that start from a run's best checkpoint. */
const startingFrom = ({ tree }: Run) =>
  `\nPATHS: {CHECKPOINT_FILE: ${JSON.stringify(tree.bestCheckpoint)}}\n`;

test("an MAE's encoder starts a UNETR, in patches of another size too; tensors that do not fit are reported", async () => {
  const folder = temporaryFolder();
  const text = configuration(32, `ARCHITECTURE: mae, ${VIT}, MAE_DEC_HIDDEN_SIZE: 16, MAE_DEC_NUM_HEADS: 2`);
  const mae = await run(folder, 1, text);
  const encoder = await weightsOf(mae.tree.bestCheckpoint);
  for (const patch of [32, 16]) {
    // A learning rate of 0 keeps the weights as they start.
    const text = configuration(
      patch,
      `ARCHITECTURE: unetr, ${VIT}, UNETR_VIT_NUM_FILTERS: 4, LOAD_CHECKPOINT: True`,
      "EPOCHS: 1, LR: 0.",
    );
    const result = await run(folder, patch, copies(folder, text) + startingFrom(mae));
    const started = await weightsOf(result.tree.bestCheckpoint);
    const shared = [...started.keys()].filter((name) => /^(blocks|patch_embed|cls_token)/.test(name));
    assert.equal(shared.length, 3 * 12 + 3);
    for (const name of shared) assert.deepEqual(started.get(name), encoder.get(name), name);
    const [positions, known] = [started.get("pos_embed"), encoder.get("pos_embed")];
    if (patch === 32) assert.deepEqual(positions, known);
    else {
      // Four tokens a side become two: each lies in the middle of two times two.
      const token = (y: number, x: number) =>
        known?.subarray((1 + 4 * y + x) * 24, (2 + 4 * y + x) * 24) ?? [];
      for (let feature = 0; feature < 24; feature++) {
        const sum = [token(0, 0), token(0, 1), token(1, 0), token(1, 1)].reduce(
          (all, each) => all + each[feature],
          0,
        );
        assert.ok(Math.abs((positions?.[24 + feature] ?? Number.NaN) - sum / 4) < 1e-6);
      }
    }
    assert.match(logs(result), new RegExp(`${patch === 32 ? 40 : 39} tensors loaded from`));
    assert.match(
      logs(result),
      /tensors skipped, because this network has no weights of such names: .*decoder/,
    );
    assert.match(
      logs(result),
      /weights are not taken from the checkpoint and start afresh: bottleneck\.weight/,
    );
  }
});

test("a checkpoint of an entirely different network is refused with its key", async () => {
  const folder = temporaryFolder();
  const base = configuration(32, "ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 16]");
  const first = await run(folder, 1, copies(folder, base));
  const loading = (model: string, train: string) =>
    copies(folder, configuration(32, `${model}, LOAD_CHECKPOINT: True`, train)) + startingFrom(first);
  const [problem] = await refusedProblems(folder, 2, loading("ARCHITECTURE: wdsr", "EPOCHS: 1"));
  assert.equal(problem.key, "PATHS.CHECKPOINT_FILE");
  assert.match(problem.message, /nothing in .* fits this network/);

  // Wider levels share some layers: enough to start from, not enough to test with.
  const wider = "ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 32]";
  const started = await run(folder, 3, loading(wider, "EPOCHS: 1, LR: 0."));
  assert.match(logs(started), /the shape \[16,8,3,3\] is not this network's \[32,8,3,3\]/);
  const testing = loading(`${wider}, ITEMS_TO_LOAD_FROM_CHECKPOINT: [weights]`, "EPOCHS: 1")
    .replace("TRAIN: {ENABLE: True", "TRAIN: {ENABLE: False")
    .replace("TEST: {ENABLE: False}", "TEST: {ENABLE: True}");
  const [incomplete] = await refusedProblems(folder, 4, testing);
  assert.match(incomplete.message, /is of another network: it lacks/);
});

test("a run tests with its best checkpoint, or with that of its last epoch", async () => {
  const folder = temporaryFolder();
  const text = copies(folder, configuration(32, "ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 16]"));
  const testWith = (epoch: string) =>
    text
      .replace("MODEL: {", `MODEL: {LOAD_CHECKPOINT: True, LOAD_CHECKPOINT_EPOCH: ${epoch}, `)
      .replace("TRAIN: {ENABLE: True", "TRAIN: {ENABLE: False")
      .replace("TEST: {ENABLE: False}", "TEST: {ENABLE: True}");
  const { tree } = await run(folder, 1, text);
  const [none] = await refusedProblems(folder, 1, testWith("last_on_train"));
  assert.equal(none.key, "MODEL.LOAD_CHECKPOINT_EPOCH");

  for (const epoch of [2, 10])
    await cp(tree.bestCheckpoint, join(tree.checkpoints, `job_1-checkpoint-${epoch}.pth`));
  const last = await run(folder, 1, testWith("last_on_train"));
  assert.match(logs(last), /loaded from .*job_1-checkpoint-10\.pth/);
  const best = await run(folder, 1, testWith("best_on_val"));
  assert.match(logs(best), /loaded from .*job_1-checkpoint-best\.pth/);
});

test("a loaded checkpoint brings its normalization and, where nothing is trained, its network, as in BiaPy", async () => {
  const folder = temporaryFolder();
  const scaled =
    "NORMALIZATION: {TYPE: scale_range, PERC_CLIP: {ENABLE: True, LOWER_PERC: 1.0, UPPER_PERC: 99.0}}";
  const small = "ARCHITECTURE: resunet, FEATURE_MAPS: [4, 8, 16]";
  const normalized = (text: string, how: string) => text.replace("DATA:\n", `DATA:\n  ${how}\n`);
  const first = await run(folder, 1, copies(folder, normalized(configuration(32, small), scaled)));
  const tests = (model: string) =>
    copies(folder, configuration(32, `${model}LOAD_CHECKPOINT: True`))
      .replace("TRAIN: {ENABLE: True", "TRAIN: {ENABLE: False")
      .replace("TEST: {ENABLE: False}", "TEST: {ENABLE: True}") + startingFrom(first);
  const written = async (number: number, text: string) => {
    const result = await run(folder, number, text);
    const [name] = (await readdir(result.folder)).sort();
    return { said: logs(result), bytes: await readFile(join(result.folder, name)) };
  };
  const asTrained = await written(2, normalized(tests(`${small}, `), scaled));
  const other = await written(3, tests(""));
  assert.doesNotMatch(asTrained.said, /From the checkpoint/);
  assert.match(other.said, /From the checkpoint .*DATA\.NORMALIZATION\.TYPE scale_range/);
  assert.match(other.said, /MODEL\.ARCHITECTURE resunet/);
  assert.deepEqual(other.bytes, asTrained.bytes);
  const weights = "ITEMS_TO_LOAD_FROM_CHECKPOINT: [weights], ";
  const ownWay = await written(4, tests(`${small}, ${weights}`));
  assert.doesNotMatch(ownWay.said, /From the checkpoint/);
  assert.notDeepEqual(ownWay.bytes, asTrained.bytes);
  // A training keeps its own network.
  const trained = await run(
    folder,
    5,
    copies(folder, configuration(32, "ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 16], LOAD_CHECKPOINT: True")) +
      startingFrom(first),
  );
  assert.match(logs(trained), /From the checkpoint .*NORMALIZATION/);
  assert.doesNotMatch(logs(trained), /MODEL\.ARCHITECTURE resunet/);
});
