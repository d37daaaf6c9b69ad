/** Encoders that start from weights of timm and of MAE's own code see what timm's models see with them. Needs BIAPY_PYTHON. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkConfig } from "../../src/config/checks.ts";
import { type Config, loadConfig } from "../../src/config/config.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import type { NewRunEvent } from "../../src/facts/run-events.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import { InputError } from "../../src/workflow/input-error.ts";
import { taskOf } from "../../src/workflow/run.ts";
import { loadStartingWeights } from "../../src/workflow/starting-weights.ts";
import { trainingProgram } from "../../src/workflow/tasks/task.ts";
import { samples } from "../support/command.ts";
import { formulaInput } from "../support/reference-models.ts";
import { messagesOf } from "../support/run-events.ts";
import { python, skip } from "./python.ts";

interface Judged {
  readonly file: string;
  readonly size: readonly [number, number];
  readonly channels: number;
  readonly raw: readonly (readonly number[])[];
  readonly normalized: readonly (readonly number[])[];
}

const folder = mkdtempSync(join(tmpdir(), "foreign-"));
const judge = join(import.meta.dirname, "foreign-weights-judge.py");
const cases: Judged[] = skip
  ? []
  : JSON.parse(execFileSync(python, [judge, folder], { encoding: "utf8", maxBuffer: 1e8 }));

function configuration(architecture: string, [height, width]: Judged["size"], channels: number): Config {
  const text = `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D}
DATA: {PATCH_SIZE: "(${height},${width},${channels})", TRAIN: {PATH: ${JSON.stringify(samples("2d/train"))}}}
MODEL: {ARCHITECTURE: ${architecture}, VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 24, VIT_NUM_LAYERS: 3, VIT_NUM_HEADS: 3}
TRAIN: {ENABLE: True, BATCH_SIZE: 1}
TEST: {ENABLE: False}
`;
  const { config, problems } = loadConfig("job.yaml", text);
  const errors = [...problems, ...checkConfig(config)].filter(({ severity }) => severity === "error");
  assert.deepEqual(errors, []);
  return config;
}

/** What an encoder with the weights of a file sees in the formula's image, and what was said when they were loaded. */
async function seen(
  architecture: string,
  { file, size, channels }: Pick<Judged, "file" | "size" | "channels">,
) {
  const config = configuration(architecture, size, channels);
  const task = await taskOf({ config, tree: resultTree(folder, "job", 1), normalizePixels: false });
  const parameters = new Parameters(declaredWeights(trainingProgram(task)), { trainable: false, threads: 1 });
  const events: NewRunEvent[] = [];
  try {
    const report = (event: NewRunEvent) => events.push(event);
    await loadStartingWeights(join(folder, file), config, parameters, { complete: false, report });
    const program = task.features([1, ...size, channels]);
    const executable = new OnnxRuntime(1).compile(program, parameters, { gradients: false });
    executable.inputs.images.set(formulaInput([1, channels, ...size]));
    await executable.run(0);
    const features = executable.outputs.features.slice();
    executable.release();
    return { features, events };
  } finally {
    await parameters.close();
  }
}

for (const architecture of ["mae", "vit", "unetr"])
  for (const judged of cases)
    test(`${judged.file} starts ${architecture} on ${judged.size} pixels of ${judged.channels} channels: it sees what timm's sees`, async () => {
      const { features, events } = await seen(architecture, judged);
      // UNETR's decoder takes the layers as they are, with its own epsilon.
      const known = (architecture === "unetr" ? judged.raw : judged.normalized).flat();
      assert.equal(features.length, known.length);
      const spread = Math.sqrt(known.reduce((sum, value) => sum + value ** 2, 0) / known.length);
      const worst = features.reduce((most, value, at) => Math.max(most, Math.abs(value - known[at])), 0);
      assert.ok(worst <= 1e-4 * spread, `differs by ${worst} of ${spread}`);
      const said = messagesOf(events).join("\n");
      if (judged.channels !== 3) assert.match(said, /patch_embed\.proj\.weight: its .*channels/);
      if (String(judged.size) !== "32,32")
        assert.match(said, /pos_embed: its grid of 4 x 4 tokens was resampled/);
    });

for (const [file, why] of [
  ["scaled.pth", /layer scales \(blocks\.0\.ls1\.gamma\)/],
  ["normalized.pth", /normalized queries and keys/],
  ["distilled.pth", /further tokens .*\(dist_token\)/],
  ["registers.pth", /further tokens .*\(reg_token\)/],
  ["beit.pth", /separate biases|relative positions/],
  ["parallel.pth", /other layers than this network/],
  ["tokens.pth", /a normalization of its tokens/],
  ["two.pth", /several networks \(student\.…, teacher\.…\)/],
  ["heads.pth", /4 attention heads, and this network has 3/],
] as const)
  test(`${file}: a transformer that computes otherwise is refused`, { skip }, () =>
    assert.rejects(seen("mae", { file, size: [32, 32], channels: 3 }), (error: unknown) => {
      assert.ok(error instanceof InputError);
      assert.match(error.problems[0].message, why);
      return true;
    }),
  );
