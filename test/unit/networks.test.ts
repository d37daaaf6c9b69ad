/** Every network that restores images, against what BiaPy 3.7.1 builds and computes: test/fixtures/models/*.json. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type BuildArguments, imageModel } from "../../src/models/architectures.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { formulaInput, referenceModel, relativeDifference, setFormulaWeights } from "./reference-models.ts";

const REFERENCES: Readonly<Record<string, readonly string[]>> = {
  unet: ["unet_2d", "unet_3d"],
  attention_unet: ["attention_unet_2d", "attention_unet_3d"],
  seunet: ["seunet_2d", "seunet_3d"],
  resunet: ["resunet_2d", "resunet_3d"],
  resunet_se: ["resunet_se_2d", "resunet_se_3d"],
  "resunet++": ["resunetpp_2d", "resunetpp_3d"],
  multiresunet: ["multiresunet_2d", "multiresunet_3d"],
};

/** Channels-first, as PyTorch has them. */
function channelsFirst(values: Float32Array, [, channels, ...space]: readonly number[]): Float32Array {
  const pixels = space.reduce((product, size) => product * size, 1);
  return Float32Array.from({ length: values.length }, (_, at) => {
    const channel = Math.floor(at / pixels) % channels;
    return values[(at % pixels) * channels + channel];
  });
}

for (const [architecture, names] of Object.entries(REFERENCES))
  for (const name of names) {
    test(`${name}: names, shapes, count and output equal BiaPy's`, async () => {
      const model = referenceModel(name);
      const network = imageModel(architecture, model.build_args as BuildArguments);
      const [batch, channels, ...space] = model.input_shape;
      const program: Program = {
        training: false,
        inputs: { images: { shape: [batch, ...space, channels], type: "float32" } },
        forward: (scope, { images }) => ({ pred: network(scope, images) }),
      };
      const specs = declaredWeights(program);
      assert.deepEqual(
        Object.fromEntries(specs.map((spec) => [spec.name, [...spec.shape]]).sort()),
        Object.fromEntries(
          Object.entries(model.state_dict)
            .map(([key, { shape }]) => [key, [...shape]])
            .sort(),
        ),
      );
      const parameters = new Parameters(specs, { trainable: false, threads: 1 });
      assert.equal(parameters.count, model.params_trainable);
      setFormulaWeights(parameters);
      const executable = new OnnxRuntime(2).compile(program, parameters, { gradients: false });
      executable.inputs.images.set(formulaInput(model.input_shape));
      await executable.run(0);
      const output = channelsFirst(executable.outputs.pred, model.output.pred.shape);
      const difference = relativeDifference(output, model.output.pred);
      assert.ok(difference < 1e-4, `differs by ${difference}`);
      executable.release();
      await parameters.close();
    });
  }
