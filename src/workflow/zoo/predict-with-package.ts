/** Test runs by the network of a package: every test image is predicted, written, and measured where masks are known. */

import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import { entryOf } from "../../facts/checked-lists.ts";
import { writeFileAtomically } from "../../facts/files/write-file.ts";
import type { ResultTree } from "../../facts/result-tree.ts";
import { ForeignNetworkError } from "../../runtime/onnx/foreign-session.ts";
import { durably } from "../durable-run.ts";
import { ImageTester } from "../image-tester.ts";
import { InputError } from "../input-error.ts";
import { resultName } from "../result-names.ts";
import { prepareImages } from "../run-images.ts";
import type { RunRequest } from "../run-request.ts";
import { storedPrediction } from "../tasks/stored-prediction.ts";
import type { ResultTask, Task } from "../tasks/task.ts";
import { testImages } from "../test-run.ts";
import { writeSamples } from "../write-image.ts";
import { type ForeignModel, segmentsWith } from "./foreign-model.ts";
import { PackageError } from "./read-package.ts";

type Request = Pick<RunRequest, "config" | "configText" | "tree" | "report" | "signal">;

const ID = "MODEL.BMZ.SOURCE_MODEL_ID";

/** Predicts the test images of a checked configuration. Throws `InputError` if the package or the images cannot be used. */
export async function predictWithPackage(
  given: Request,
  model: ForeignModel,
): Promise<"finished" | "stopped"> {
  try {
    return await predictAll(given, model);
  } catch (error) {
    if (error instanceof PackageError) throw new InputError([given.config.problem(ID, error.message)]);
    if (!(error instanceof ForeignNetworkError)) throw error;
    const message = `the network of ${model.name} ${error.message}.`;
    throw new InputError([given.config.problem(ID, message)]);
  }
}

function predictAll(given: Request, model: ForeignModel): Promise<"finished" | "stopped"> {
  return durably(given, async (run) => {
    const { config, configText, tree, report } = given;
    checkChunks(config, model);
    const { sources, testing } = await foreignTask(config, tree, model);
    const images = await prepareImages(config, { sources }, report, given.signal);
    try {
      await run.testOnly();
      for (const file of [tree.configFile, tree.runConfigFile]) await writeFileAtomically(file, configText);
      if (images.test === undefined) return "finished";
      return await testImages(given, testing, new ImageTester(config, tree, testing, model), images.test);
    } finally {
      await images.close();
    }
  });
}

function checkChunks(config: Config, model: ForeignModel): void {
  if (!config.flag("TEST.BY_CHUNKS.ENABLE") || !model.needsWholeImages) return;
  const message = `${model.name} measures its output, for which whole images are needed.`;
  throw new InputError([config.problem("TEST.BY_CHUNKS.ENABLE", message, "False")]);
}

/**
 * Returns how images are found and results written: as classes in a segmentation that the network fits, otherwise as the network's values.
 */
async function foreignTask(
  config: Config,
  tree: ResultTree,
  model: ForeignModel,
): Promise<Pick<Task, "sources"> & { readonly testing: ResultTask }> {
  if (segmentsWith(config, model.channels))
    return (await import("../tasks/segmentation.ts")).segmentationTask(config, tree);
  return { sources: async (_, images) => ({ images }), testing: rawValues(tree, model) };
}

/** Writes the network's output, in its own channels and values. */
function rawValues(tree: ResultTree, { output, channels }: ForeignModel): ResultTask {
  const written = { channels, sampleType: "float32" } as const;
  const path = (folder: string, name: string) => join(folder, `${name}.tif`);
  return {
    resultFiles: () => [
      {
        ...written,
        folder: tree.perImage,
        role: "prediction",
        raw: true,
        values: ({ values }) => entryOf(values, output),
      },
    ],
    reuse: async ({ info }) => {
      const [depth, height, width] = info.shape;
      const stored = await storedPrediction(path(tree.perImage, resultName(info)), [
        depth,
        height,
        width,
        channels,
      ]);
      return stored && { [output]: Float32Array.from(stored.data) };
    },
    measurement: () => ({ add: async () => {}, metrics: {} }),
    writePictures: async ({ image, region, values }, folder) => {
      const file = path(folder, resultName(image.info));
      return { prediction: await writeSamples(file, entryOf(values, output), written, region) };
    },
    imageKinds: { preview: "prediction", test: "prediction" },
    shown: (source, _, files) => ({ original: source, ...files }),
  };
}
