/** Semantic segmentation: a network gives each pixel a class, and learns it from masks. */

import { join } from "node:path";
import { namesOf, ndimOf } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import type { NormalizedImage } from "../../data/image-set.ts";
import { otsuThreshold } from "../../data/otsu.ts";
import { perAxis } from "../../data/tiling.ts";
import { at, entriesOf, entryOf } from "../../facts/checked-lists.ts";
import type { ResultTree } from "../../facts/result-tree.ts";
import type { ImageFiles, Metrics } from "../../facts/run-events.ts";
import { logitsOf } from "../../facts/workflows.ts";
import { type SampleArray, sampleArray, wholeRegion } from "../../images/image.ts";
import type { ImageModel } from "../../models/architectures.ts";
import { tf } from "../../runtime/tensor.ts";
import {
  classOverlaps,
  iouOf,
  type SegmentationLossSettings,
  segmentationLoss,
} from "../../training/segmentation-losses.ts";
import { groundTruth, groundTruthKey } from "../ground-truth.ts";
import { InputError } from "../input-error.ts";
import { resultName } from "../result-names.ts";
import { writeImage, writeSamples } from "../write-image.ts";
import { inOneBatch } from "./batch-arrays.ts";
import { imageNetwork } from "./image-network.ts";
import { type ClassSettings, classesOf, classSettings, ignoredPatch, MaskCheck } from "./masks.ts";
import { OverlapCounts } from "./overlap-counts.ts";
import { storedPrediction } from "./stored-prediction.ts";
import type { Measurement, ResultFile, Task, TestingTask, TestPart, TrainingTask } from "./task.ts";

/** Sets up the task for a configuration's network. */
export function segmentationTask(config: Config, tree: ResultTree): Task {
  const { model, network } = imageNetwork(config);
  const settings = classSettings(config);
  return {
    ...network,
    sources: async (phase, images, report) => {
      if (phase === "TEST" && !config.flag("DATA.TEST.LOAD_GT")) return { images };
      const masks = new MaskCheck(settings, report);
      const infos = await groundTruth(config, phase, images, report, { channels: 1, check: masks.check });
      const useless = masks.ignoredForeground() ?? (phase === "TRAIN" ? masks.nothingToLearn() : undefined);
      if (useless !== undefined)
        throw new InputError([config.problem(groundTruthKey(config, phase), useless)]);
      return { images, targets: { infos, values: "labels" } };
    },
    training: training(config, model, settings),
    testing: new SegmentationTesting(config, tree, model, settings),
  };
}

function training(config: Config, model: ImageModel, settings: ClassSettings): TrainingTask {
  const batchSize = config.number("TRAIN.BATCH_SIZE");
  const patch = config.numbers("DATA.PATCH_SIZE").slice(0, ndimOf(config) + 1);
  const loss = lossSettings(config, settings);
  return {
    inputs: {
      images: { shape: [batchSize, ...patch], type: "float32" },
      labels: { shape: [batchSize, ...patch.slice(0, -1), 1], type: "float32" },
    },
    compare: (scope, inputs) => {
      const { images, labels } = entriesOf(inputs, "images", "labels");
      const logits = model(scope, images);
      const all = segmentationLoss(logits, labels, loss);
      // Each patch gets the loss of the whole batch.
      return { loss: all.reshape([1]).tile([batchSize]), ...classOverlaps(logits, labels, settings.classes) };
    },
    summary: iouOf,
    batch: (samples) => {
      const labels = samples.map(({ image, target = image }) => classesOf(target, settings));
      while (labels.length < batchSize) labels.push(ignoredPatch(at(labels, 0).length));
      return {
        inputs: {
          images: inOneBatch(
            samples.map(({ image }) => image),
            batchSize,
          ),
          labels: inOneBatch(labels, batchSize),
        },
        count: samples.length,
      };
    },
  };
}

/** Returns the losses of LOSS.*. Defaults to cross entropy. The weight of a single loss has no effect. */
function lossSettings(config: Config, { classes }: ClassSettings): SegmentationLossSettings {
  const names = namesOf(config, "LOSS.TYPE");
  const weights = config.numbers("LOSS.WEIGHTS");
  const weightOf = (name: string) => {
    const place = (names.length === 0 ? ["CE"] : names).indexOf(name);
    if (place < 0) return 0;
    return names.length < 2 ? 1 : (weights[place] ?? 1);
  };
  const classWeights = config.numbers("LOSS.CLASS_WEIGHTS");
  // As in BiaPy, CLASS_REBALANCE applies to cross entropy alone; together with Dice, class weights always apply.
  const weighted = config.text("LOSS.CLASS_REBALANCE") === "manual" || names.length > 1;
  return {
    classes,
    crossEntropy: weightOf("CE"),
    dice: weightOf("DICE"),
    classWeights: weighted && classWeights.length > 0 ? classWeights : undefined,
  };
}

class SegmentationTesting implements TestingTask {
  readonly imageKinds = { preview: "segmentation", test: "segmentation" } as const;
  readonly channels: number;

  constructor(
    private readonly config: Config,
    private readonly tree: ResultTree,
    private readonly model: ImageModel,
    private readonly settings: ClassSettings,
  ) {
    this.channels = logitsOf(settings.classes);
  }

  /** Returns the program that predicts probabilities: of the foreground, or of each class. */
  prediction(shape: readonly number[]): ReturnType<TestingTask["prediction"]> {
    return {
      training: false,
      inputs: { images: { shape, type: "float32" } },
      forward: (scope, inputs) => {
        const logits = this.model(scope, entryOf(inputs, "images"));
        return { probability: this.channels === 1 ? logits.sigmoid() : tf.softmax(logits) };
      },
    };
  }

  feed: TestingTask["feed"] = (inputs, { patches, batchSize }) =>
    entryOf(inputs, "images").set(inOneBatch(patches, batchSize));

  /**
   * Returns the files of probabilities and classes. Whole images with two classes use Otsu's threshold. By chunks, other parts' values
   * are unknown: the threshold is 0.5, as in BiaPy.
   */
  resultFiles(_: NormalizedImage, byChunks: boolean): readonly ResultFile[] {
    const folders = this.folders(byChunks);
    return [
      {
        folder: folders.probabilities,
        role: "probabilities",
        raw: true,
        channels: this.channels,
        sampleType: "float32",
        values: ({ values }) => entryOf(values, "probability"),
      },
      {
        folder: folders.classes,
        role: "prediction",
        raw: false,
        channels: 1,
        sampleType: this.sampleType,
        values: ({ values }) => {
          const probability = entryOf(values, "probability");
          return this.classesOf(probability, byChunks ? 0.5 : otsuThreshold(probability));
        },
      },
    ];
  }

  /** Returns the folders of results. BiaPy has other folders for images predicted in one piece. */
  private folders(byChunks: boolean): { readonly probabilities: string; readonly classes: string } {
    const { perImage, perImageBinarized, fullImage, fullImageBinarized } = this.tree;
    const whole = !byChunks && this.config.flag("TEST.FULL_IMG") && ndimOf(this.config) === 2;
    return whole
      ? { probabilities: fullImage, classes: fullImageBinarized }
      : { probabilities: perImage, classes: perImageBinarized };
  }

  private get sampleType(): "uint8" | "uint16" {
    return this.settings.classes < 255 ? "uint8" : "uint16";
  }

  /** Returns the class of each pixel; with two classes, 1 if the probability exceeds the threshold. */
  private classesOf(probability: Float32Array, threshold = 0.5): SampleArray {
    const { channels } = this;
    const classes = sampleArray(this.sampleType, probability.length / channels);
    for (let pixel = 0; pixel < classes.length; pixel++)
      classes[pixel] =
        channels === 1
          ? Number((probability[pixel] ?? 0) > threshold)
          : likeliest(probability, pixel * channels, channels);
    return classes;
  }

  async reuse({ info }: NormalizedImage): ReturnType<TestingTask["reuse"]> {
    const [depth, height, width] = info.shape;
    const path = join(this.folders(false).probabilities, `${resultName(info)}.tif`);
    const stored = await storedPrediction(path, [depth, height, width, this.channels]);
    return stored && { probability: Float32Array.from(stored.data) };
  }

  measurement(): Measurement {
    return new ClassOverlaps(this.settings, (values) => this.classesOf(values));
  }

  /** Writes the classes. For a part of an image, also writes that part of the image and its mask. */
  async writePictures({ image, target, region, values }: TestPart, folder: string): Promise<ImageFiles> {
    const path = (ending: string) => join(folder, `${resultName(image.info)}${ending}.tif`);
    const { sampleType } = this;
    const classes = { channels: 1, sampleType };
    const prediction = await writeSamples(
      path(""),
      this.classesOf(entryOf(values, "probability")),
      classes,
      region,
    );
    const whole = wholeRegion(image.info.shape);
    if (perAxis((axis) => region.end[axis] - region.start[axis] === whole.end[axis]).every(Boolean))
      return { prediction };
    const original = await writeImage(path("_original"), await image.values(region), image, region);
    if (target === undefined) return { original, prediction };
    const known = classesOf(await target.values(region), this.settings);
    // An ignored pixel is shown as background.
    const labels = sampleArray(sampleType, known.length);
    known.forEach((label, pixel) => {
      labels[pixel] = Math.max(label, 0);
    });
    return {
      original,
      prediction,
      groundTruth: await writeSamples(path("_ground_truth"), labels, classes, region),
    };
  }

  shown(source: string, target: string | undefined, written: ImageFiles): ImageFiles {
    return { original: source, groundTruth: target, ...written };
  }
}

/** Returns the index of the largest of `count` values from `from`. */
function likeliest(values: Float32Array, from: number, count: number): number {
  let best = 0;
  for (let index = 1; index < count; index++)
    if ((values[from + index] ?? 0) > (values[from + best] ?? 0)) best = index;
  return best;
}

/** Measures the IoU of classes. */
class ClassOverlaps implements Measurement {
  private readonly counts: OverlapCounts;
  private measured = false;

  constructor(
    private readonly settings: ClassSettings,
    private readonly classesOf: (probability: Float32Array) => SampleArray,
  ) {
    this.counts = new OverlapCounts(settings.classes);
  }

  async add({ target, region, values }: TestPart): Promise<void> {
    if (target === undefined) return;
    this.measured = true;
    const labels = classesOf(await target.values(region), this.settings);
    this.counts.add(this.classesOf(entryOf(values, "probability")), labels);
  }

  get metrics(): Metrics {
    return this.measured ? this.counts.iou : {};
  }
}
