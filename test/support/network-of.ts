/** The network that a configuration describes, as a program that declares its weights. */
import { architectureOf, ndimOf, pretextTask } from "../../src/config/basics.ts";
import type { Config } from "../../src/config/config.ts";
import { Random } from "../../src/data/random.ts";
import { tokenMask } from "../../src/data/token-mask.ts";
import { imageModel } from "../../src/models/architectures.ts";
import type { BuildArguments } from "../../src/models/build-arguments.ts";
import { maePrediction } from "../../src/models/mae.ts";
import type { Program } from "../../src/runtime/program.ts";
import { buildArguments } from "../../src/workflow/model-settings.ts";
import { maeBuildArguments, maeSettings, maskSettings } from "../../src/workflow/tasks/mae-settings.ts";

export function networkOf(config: Config): { program: Program; build: BuildArguments } {
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
    return { program, build: maeBuildArguments(config, settings) };
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
