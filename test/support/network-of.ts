/** The network that a configuration describes, and checkpoints of it with random weights. */
import { saveBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { CheckpointTensor } from "../../src/checkpoint/tensor.ts";
import { architectureOf, ndimOf, pretextTask } from "../../src/config/basics.ts";
import type { Config } from "../../src/config/config.ts";
import { Random } from "../../src/data/random.ts";
import { type TokenMask, tokenMask } from "../../src/data/token-mask.ts";
import { imageModel } from "../../src/models/architectures.ts";
import type { BuildArguments } from "../../src/models/build-arguments.ts";
import { maePrediction } from "../../src/models/mae.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { buildArguments } from "../../src/workflow/model-settings.ts";
import { maeBuildArguments, maeSettings, maskSettings } from "../../src/workflow/tasks/mae-settings.ts";

export interface Network {
  /** Predicts one patch. Declares the network's weights. */
  readonly program: Program;
  readonly build: BuildArguments;
  /** The tokens that a masked autoencoder hides: further inputs of the program. */
  readonly mask?: TokenMask;
}

export function networkOf(config: Config): Network {
  const shape = [1, ...config.numbers("DATA.PATCH_SIZE").slice(0, ndimOf(config) + 1)];
  const images = { shape, type: "float32" } as const;
  if (pretextTask(config) === "masking") {
    const settings = maeSettings(config, false);
    const drawn = tokenMask(maskSettings(config, settings), new Random(0));
    const program: Program = {
      training: false,
      inputs: {
        images,
        keep: { shape: [1, drawn.keep.length], type: "int32" },
        restore: { shape: [1, drawn.restore.length], type: "int32" },
        mask: { shape: [1, drawn.mask.length], type: "float32" },
      },
      forward: (scope, { images, keep, restore, mask }) => ({
        prediction: maePrediction(scope, settings, images, { keep, restore, mask }),
      }),
    };
    return { program, build: maeBuildArguments(config, settings), mask: drawn };
  }
  const build = buildArguments(config);
  const network = imageModel(architectureOf(config), build);
  const program: Program = {
    training: false,
    inputs: { images },
    forward: (scope, { images }) => ({ prediction: network(scope, images) }),
  };
  return { program, build };
}

/** Writes a checkpoint with the weights of a configuration's network, as BiaPy writes its best one. */
export async function saveWeights(
  path: string,
  config: Config,
  build: BuildArguments,
  parameters: Parameters,
): Promise<void> {
  const weights = parameters.specs.map(
    ({ name, shape }) => [name, CheckpointTensor.of(parameters.read(name), shape)] as const,
  );
  await saveBiapyCheckpoint(path, {
    weights: new Map(weights),
    modelBuildArguments: build,
    epoch: "best",
    config: config.toObject(),
  });
}

/** Writes a checkpoint of a configuration's network with random weights. */
export async function saveRandomWeights(path: string, config: Config, seed: number): Promise<void> {
  const { program, build } = networkOf(config);
  const parameters = new Parameters(declaredWeights(program), { trainable: false, threads: 1 });
  parameters.initialize(seed);
  await saveWeights(path, config, build, parameters);
  await parameters.close();
}
