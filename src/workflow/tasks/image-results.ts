/** Tests networks that return an image: writes result files and measures errors against the target. */

import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import type { NormalizedImage } from "../../data/image-set.ts";
import { fixedNormalization } from "../../data/measure-normalization.ts";
import { normalize } from "../../data/normalization.ts";
import { ErrorSums, similarity } from "../../data/similarity.ts";
import { entryOf } from "../../facts/checked-lists.ts";
import type { ResultTree } from "../../facts/result-tree.ts";
import type { Metrics } from "../../facts/run-events.ts";
import { shapeOf } from "../../images/image.ts";
import type { ImageModel } from "../../models/architectures.ts";
import { resultName } from "../result-names.ts";
import { chosenMetrics, targetNormalization } from "../settings.ts";
import { inOwnRange, predictionInOwnRange, writeImage } from "../write-image.ts";
import { inOneBatch } from "./batch-arrays.ts";
import { storedPrediction } from "./stored-prediction.ts";
import type { Measurement, TestingTask, TestPart } from "./task.ts";

/** Tests a network that restores images: same channels, range and sample type. */
export function imageTesting(
  config: Config,
  tree: ResultTree,
  model: ImageModel,
): Omit<TestingTask, "imageKinds" | "shown"> {
  return {
    prediction: (shape) => ({
      training: false,
      inputs: { images: { shape, type: "float32" } },
      forward: (scope, inputs) => ({ prediction: model(scope, entryOf(inputs, "images")) }),
    }),
    feed: (inputs, { patches, batchSize }) => entryOf(inputs, "images").set(inOneBatch(patches, batchSize)),
    resultFiles: (image) => [
      {
        folder: tree.perImage,
        role: "prediction",
        raw: true,
        channels: image.info.shape[3],
        sampleType: image.info.sampleType,
        values: ({ values }) => predictionInOwnRange(entryOf(values, "prediction"), asTarget(config, image)),
      },
    ],
    reuse: async (image) => {
      const { info, channels } = asTarget(config, image);
      const stored = await storedPrediction(join(tree.perImage, `${resultName(info)}.tif`), info.shape);
      return stored && { prediction: normalize(stored, channels) };
    },
    writePictures: async ({ image, region, values }, folder) => {
      const path = join(folder, `${resultName(image.info)}.tif`);
      const prediction = entryOf(values, "prediction");
      return { prediction: await writeImage(path, prediction, asTarget(config, image), region) };
    },
    measurement: (byChunks) => new RestorationErrors(config, byChunks),
  };
}

/** Returns how predictions of an image are normalized: like the targets that the network was trained on. */
function asTarget(
  config: Config,
  { info, channels }: Pick<NormalizedImage, "info" | "channels">,
): Pick<NormalizedImage, "info" | "channels"> {
  const settings = targetNormalization(config);
  return { info, channels: settings === undefined ? channels : fixedNormalization(settings, info.shape[3]) };
}

/** Measures errors of a restored image in the range of its sample type, like BiaPy. */
class RestorationErrors implements Measurement {
  private readonly errors = new ErrorSums();
  private whole: Metrics | undefined;
  private empty = true;

  constructor(
    private readonly config: Config,
    private readonly byChunks: boolean,
  ) {}

  async add({ image, target, region, values }: TestPart): Promise<void> {
    if (target === undefined) return;
    this.empty = false;
    const prediction = entryOf(values, "prediction");
    const restored = Float32Array.from(predictionInOwnRange(prediction, asTarget(this.config, image)));
    const original = Float32Array.from(inOwnRange(await target.values(region), target));
    if (this.byChunks) this.errors.add(restored, original);
    else this.whole = similarity(restored, original, shapeOf(region, image.info.shape[3]));
  }

  get metrics(): Metrics {
    if (this.empty) return {};
    return chosenMetrics(this.config, "TEST", this.whole ?? this.errors.metrics);
  }
}
