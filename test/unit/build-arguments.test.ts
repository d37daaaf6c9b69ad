/** Build arguments and weights of networks, against those of BiaPy 3.7.1 for the same configurations: test/fixtures/build_arguments.json. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { imageModel } from "../../src/models/architectures.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { buildArguments } from "../../src/workflow/model-settings.ts";
import { samples } from "../support/command.ts";

interface Built {
  readonly patch: readonly number[];
  readonly model: Readonly<Record<string, unknown>>;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly parameters: number;
  /** Over the names and shapes of all weights. */
  readonly weights: number;
}

const cases = JSON.parse(
  readFileSync(new URL("../fixtures/build_arguments.json", import.meta.url), "utf8"),
) as Built[];

/** `{"HRNET.VARIANT": …}` as `{HRNET: {VARIANT: …}}`. */
function nested(keys: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(keys)) {
    const [group, name] = key.split(".");
    root[group] = name === undefined ? value : { ...(root[group] as object | undefined), [name]: value };
  }
  return root;
}

for (const built of cases) {
  const { ARCHITECTURE: architecture, ...keys } = built.model;
  test(`${architecture} of patches ${built.patch} with ${JSON.stringify(keys)} is built as BiaPy builds it`, () => {
    const three = built.patch.length === 4;
    const text = JSON.stringify({
      PROBLEM: {
        TYPE: "SELF_SUPERVISED",
        NDIM: three ? "3D" : "2D",
        SELF_SUPERVISED: { PRETEXT_TASK: "crappify" },
      },
      DATA: { PATCH_SIZE: `(${built.patch})`, TRAIN: { PATH: samples("2d/train") } },
      MODEL: nested(built.model),
      TRAIN: { ENABLE: true },
      TEST: { ENABLE: false },
    });
    const { config, problems } = loadConfig("job.yaml", text);
    const errors = [...problems, ...checkConfig(config)].filter(({ severity }) => severity === "error");
    assert.deepEqual(errors, []);
    const build = buildArguments(config);
    assert.deepEqual(build, built.arguments);
    const network = imageModel(String(architecture).toLowerCase(), build);
    const specs = declaredWeights({
      training: false,
      inputs: { images: { shape: [1, ...built.patch], type: "float32" } },
      forward: (scope, { images }) => ({ prediction: network(scope, images) }),
    });
    const size = (shape: readonly number[]) => shape.reduce((product, each) => product * each, 1);
    const trained = specs.filter(({ role }) => role === "parameter");
    assert.equal(
      trained.reduce((sum, { shape }) => sum + size(shape), 0),
      built.parameters,
    );
    const weights = specs.map(({ name, shape }) => [name, shape] as const);
    weights.sort(([a], [b]) => (a < b ? -1 : 1));
    assert.equal(crc32(JSON.stringify(weights)), built.weights);
  });
}

test("a build argument that is missing, or an unknown activation, is named", () => {
  assert.throws(
    () => imageModel("edsr", { num_channels: 1 }),
    /The build argument num_filters must be a number, not undefined/,
  );
  const { config } = loadConfig("job.yaml", 'DATA: {PATCH_SIZE: "(64,64,1)"}\nMODEL: {ARCHITECTURE: unet}');
  const build = { ...buildArguments(config), activation: "swish" };
  assert.throws(() => imageModel("unet", build), /activation must be one of relu, .* not swish/);
});
