/** Networks that start from what another one learned. */
import assert from "node:assert/strict";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { biapy, problemsOf, type Result, samples, workspace } from "./command.ts";

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

const logs = ({ events }: Result) =>
  events.flatMap((event) => (event.event === "log" ? [event.message] : [])).join("\n");

async function weightsOf(results: string): Promise<Map<string, Float32Array>> {
  const checkpoint = await loadBiapyCheckpoint(join(results, "job/checkpoints/job_1-checkpoint-best.pth"));
  const values = await Promise.all(
    [...checkpoint.weights].map(async ([name, tensor]) => {
      return [name, await tensor.read(new Float32Array(tensor.size))] as const;
    }),
  );
  await checkpoint.close();
  return new Map(values);
}

/** Where the crappified copies go: not beside the sample images. */
const copies = (folder: string, text: string) =>
  text.replaceAll(/(TRAIN|TEST): \{PATH/g, (_, phase: string) => {
    return `${phase}: {SSL_SOURCE_DIR: ${JSON.stringify(join(folder, `copies-${phase}`))}, PATH`;
  });

test("an MAE's encoder starts a UNETR, in patches of another size too; what did not fit is told", async () => {
  const mae = await workspace(
    configuration(32, `ARCHITECTURE: mae, ${VIT}, MAE_DEC_HIDDEN_SIZE: 16, MAE_DEC_NUM_HEADS: 2`),
  );
  assert.equal((await biapy(mae.arguments())).code, 0);
  const encoder = await weightsOf(mae.results);
  const checkpoint = join(mae.results, "job/checkpoints/job_1-checkpoint-best.pth");
  const tail = `\nPATHS: {CHECKPOINT_FILE: ${JSON.stringify(checkpoint)}}\n`;
  for (const patch of [32, 16]) {
    // A learning rate of nothing keeps the weights as they start.
    const text = configuration(
      patch,
      `ARCHITECTURE: unetr, ${VIT}, UNETR_VIT_NUM_FILTERS: 4, LOAD_CHECKPOINT: True`,
      "EPOCHS: 1, LR: 0.",
    );
    const unetr = await workspace(copies(mae.folder, text) + tail);
    const result = await biapy(unetr.arguments());
    assert.equal(result.code, 0, JSON.stringify(problemsOf(result)));
    const started = await weightsOf(unetr.results);
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

test("a checkpoint of quite another network is refused, with the key that names it", async () => {
  const unet = await workspace("");
  const base = configuration(32, "ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 16]");
  const first = await workspace(copies(unet.folder, base));
  assert.equal((await biapy(first.arguments())).code, 0);
  const checkpoint = join(first.results, "job/checkpoints/job_1-checkpoint-best.pth");
  const tail = `\nPATHS: {CHECKPOINT_FILE: ${JSON.stringify(checkpoint)}}\n`;
  const loading = (model: string, train: string) =>
    copies(unet.folder, configuration(32, `${model}, LOAD_CHECKPOINT: True`, train)) + tail;
  const wdsr = await workspace(loading("ARCHITECTURE: wdsr", "EPOCHS: 1"));
  const refused = await biapy(wdsr.arguments());
  assert.equal(refused.code, 2);
  const [problem] = problemsOf(refused);
  assert.equal(problem.key, "PATHS.CHECKPOINT_FILE");
  assert.match(problem.message, /nothing in .* fits this network/);

  // Wider levels share some layers: enough to start from, not enough to test with.
  const wider = "ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 32]";
  const started = await workspace(loading(wider, "EPOCHS: 1, LR: 0."));
  const result = await biapy(started.arguments());
  assert.equal(result.code, 0);
  assert.match(logs(result), /the shape \[16,8,3,3\] is not this network's \[32,8,3,3\]/);
  const testing = await workspace(
    loading(wider, "EPOCHS: 1")
      .replace("TRAIN: {ENABLE: True", "TRAIN: {ENABLE: False")
      .replace("TEST: {ENABLE: False}", "TEST: {ENABLE: True}"),
  );
  const incomplete = await biapy(testing.arguments());
  assert.equal(incomplete.code, 2);
  assert.match(problemsOf(incomplete)[0].message, /is of another network: it lacks/);
});

test("a run tests with its best checkpoint, or with that of its last epoch", async () => {
  const folder = await workspace("");
  const text = copies(folder.folder, configuration(32, "ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 16]"));
  const train = await workspace(text);
  const testWith = (epoch: string) =>
    writeFile(
      join(train.folder, "job.yaml"),
      text
        .replace("MODEL: {", `MODEL: {LOAD_CHECKPOINT: True, LOAD_CHECKPOINT_EPOCH: ${epoch}, `)
        .replace("TRAIN: {ENABLE: True", "TRAIN: {ENABLE: False")
        .replace("TEST: {ENABLE: False}", "TEST: {ENABLE: True}"),
    );
  assert.equal((await biapy(train.arguments())).code, 0);
  await testWith("last_on_train");
  const none = await biapy(train.arguments());
  assert.equal(none.code, 2);
  assert.equal(problemsOf(none)[0].key, "MODEL.LOAD_CHECKPOINT_EPOCH");

  const checkpoints = join(train.results, "job/checkpoints");
  for (const epoch of [2, 10])
    await cp(
      join(checkpoints, "job_1-checkpoint-best.pth"),
      join(checkpoints, `job_1-checkpoint-${epoch}.pth`),
    );
  const last = await biapy(train.arguments());
  assert.equal(last.code, 0, JSON.stringify(problemsOf(last)));
  assert.match(logs(last), /loaded from .*job_1-checkpoint-10\.pth/);
  await testWith("best_on_val");
  assert.match(logs(await biapy(train.arguments())), /loaded from .*job_1-checkpoint-best\.pth/);
});
