import assert from "node:assert/strict";
import { test } from "node:test";
import {
  denormalizedTokens,
  type MaeSettings,
  maeLoss,
  maePrediction,
  maeTarget,
  tokenGrid,
} from "../../src/models/mae.ts";
import { patchify } from "../../src/models/tokens.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import {
  formulaInput,
  type ReferenceModel,
  referenceModel,
  relativeDifference,
  setFormulaWeights,
} from "../support/reference-models.ts";

function settingsOf({ build_args: built, input_patch_size: patch }: ReferenceModel): MaeSettings {
  const number = (name: string) => Number(built[name]);
  const ratio = number("mlp_ratio");
  return {
    patchSize: patch.slice(0, -1),
    channels: number("in_chans"),
    tokenSize: number("patch_size"),
    encoder: {
      features: number("embed_dim"),
      layers: number("depth"),
      heads: number("num_heads"),
      hidden: ratio * number("embed_dim"),
    },
    decoder: {
      features: number("decoder_embed_dim"),
      layers: number("decoder_depth"),
      heads: number("decoder_num_heads"),
      hidden: ratio * number("decoder_embed_dim"),
    },
    epsilon: 1e-6,
    normalizePixels: false,
  };
}

/** Orders the tokens as the recorded run did: by its noise formula, or by the grid mask itself (a stable sort). */
function tokenOrder(model: ReferenceModel, tokens: number): number[] {
  const mask = model.mask ?? [];
  const noise = (token: number) =>
    model.build_args.masking_type === "random" ? Math.fround((token * 0.6180339887498949) % 1) : mask[token];
  return Array.from({ length: tokens }, (_, token) => token).sort((a, b) => noise(a) - noise(b));
}

for (const name of [
  "mae_grid_2d",
  "mae_random_2d",
  "mae_small_random75_2d",
  "mae_grid_3d",
  "mae_random_3d",
]) {
  test(`${name}: names, shapes and outputs equal BiaPy's`, async () => {
    const model = referenceModel(name);
    const settings = settingsOf(model);
    const tokens = tokenGrid(settings).reduce((product, size) => product * size, 1);
    const random = model.build_args.masking_type === "random";
    const visible = random
      ? Math.trunc(tokens * (1 - Number(model.build_args.mask_ratio)))
      : Math.floor(tokens / 2);
    const program: Program = {
      training: false,
      inputs: {
        images: { shape: [1, ...settings.patchSize, settings.channels], type: "float32" },
        keep: { shape: [1, visible], type: "int32" },
        restore: { shape: [1, tokens], type: "int32" },
        mask: { shape: [1, tokens], type: "float32" },
      },
      forward(scope, { images, keep, restore, mask }) {
        const pred = maePrediction(scope, settings, images, { keep, restore, mask });
        return { pred, loss: maeLoss(pred, maeTarget(settings, images), mask).mean() };
      },
    };
    const specs = declaredWeights(program);
    const declared = new Map(specs.map((spec) => [spec.name, [...spec.shape]]));
    assert.deepEqual(
      Object.fromEntries(declared),
      Object.fromEntries(Object.entries(model.state_dict).map(([key, { shape }]) => [key, [...shape]])),
    );

    const parameters = new Parameters(specs, { trainable: false, threads: 1 });
    assert.equal(parameters.count, model.params_trainable);
    setFormulaWeights(parameters);
    const executable = new OnnxRuntime(2).compile(program, parameters, { gradients: false });
    const order = tokenOrder(model, tokens);
    executable.inputs.images.set(formulaInput(model.input_shape));
    executable.inputs.keep.set(model.ids_keep ?? order.slice(0, visible));
    executable.inputs.restore.set(model.ids_restore ?? order.map((_, token) => order.indexOf(token)));
    executable.inputs.mask.set(model.mask ?? []);
    await executable.run(0);
    for (const output of ["loss", "pred"]) {
      const difference = relativeDifference(executable.outputs[output] as Float32Array, model.output[output]);
      assert.ok(difference < 1e-4, `${output} differs by ${difference}`);
    }
    executable.release();
    await parameters.close();
  });
}

test("perfect predictions of normalized pixels are converted back to the image, also in tokens of 2 x 2", async () => {
  const transformer = { features: 4, layers: 1, heads: 1, hidden: 4 };
  const settings: MaeSettings = {
    ...{ patchSize: [4, 6], channels: 1, tokenSize: 2, epsilon: 1e-6, normalizePixels: true },
    ...{ encoder: transformer, decoder: transformer },
  };
  const program: Program = {
    training: false,
    inputs: { images: { shape: [1, 4, 6, 1], type: "float32" } },
    forward: (_, { images }) => {
      const raw = patchify(images, settings.tokenSize);
      return { raw, again: denormalizedTokens(maeTarget(settings, images), raw) };
    },
  };
  const parameters = new Parameters([], { trainable: false, threads: 1 });
  const executable = new OnnxRuntime(1).compile(program, parameters, { gradients: false });
  executable.inputs.images.set(Float32Array.from({ length: 24 }, (_, at) => Math.sin(at * 1.7)));
  await executable.run(0);
  const { raw, again } = executable.outputs;
  for (const [at, value] of raw.entries())
    assert.ok(Math.abs(again[at] - value) < 1e-5, `${again[at]}, not ${value}`);
  executable.release();
  await parameters.close();
});
