/** Writes a trained encoder's features of the test images: `biapy --features`. */

import { basename, join } from "node:path";
import { writeNpy } from "../../checkpoint/npy.ts";
import type { ImageSet } from "../../data/image-set.ts";
import { product } from "../../facts/checked-lists.ts";
import { isStop } from "../../facts/errors.ts";
import { createFolder } from "../../facts/files/create-folder.ts";
import { bytes } from "../../facts/format.ts";
import type { ResultTree } from "../../facts/result-tree.ts";
import { type ImageInfo, wholeRegion } from "../../images/image.ts";
import { declaredWeights } from "../../runtime/declared-weights.ts";
import { Parameters } from "../../runtime/parameters.ts";
import { InputError } from "../input-error.ts";
import { resultName } from "../result-names.ts";
import { taskOf } from "../run.ts";
import { prepareImages } from "../run-images.ts";
import type { RunRequest } from "../run-request.ts";
import { trainingSettings } from "../settings.ts";
import { loadStartingWeights, ownCheckpoint } from "../starting-weights.ts";
import { type Task, trainingProgram } from "../tasks/task.ts";
import { writeSamples } from "../write-image.ts";
import { type ColorBasis, colorsOf, FeatureSample, fitColors } from "./feature-colors.ts";
import { describeFeatures, featureFile, readFeatures } from "./feature-folder.ts";
import { type FeatureMap, FeatureModel } from "./feature-map.ts";
import { labeledImages, writeProbe } from "./write-probe.ts";

/** Largest file of one image's features. */
const MOST_BYTES = 2 ** 31;

export interface FeatureRequest
  extends Pick<RunRequest, "config" | "tree" | "normalizePixels" | "openRuntime" | "report" | "signal"> {
  /** A folder of masks with the names of the test images, for a linear probe. */
  readonly labels?: string;
}

/**
 * Writes for every image of DATA.TEST.PATH into `features`: `<image>.npy` (float32 `[z, y, x, feature]`), `<image>.tif` (the
 * first three principal components as colors, one basis for all images), and `features.json` (the grid and the basis).
 *
 * Throws {@link InputError} if the network has no encoder, or there is no checkpoint of it.
 */
export async function writeFeatures(given: FeatureRequest): Promise<"finished" | "stopped"> {
  const request = { ...given, config: given.config.with("TRAIN.ENABLE", false).with("TEST.ENABLE", true) };
  const { config, report, signal } = request;
  try {
    const task = await taskOf(request);
    const images = await prepareImages(config, task, report, signal);
    try {
      if (images.test === undefined) throw new Error("TEST.ENABLE gives no test images.");
      await onDevice(request, task, images.test.images);
    } finally {
      await images.close();
    }
    return "finished";
  } catch (error) {
    if (!isStop(error, signal)) throw error;
    return "stopped";
  }
}

/** Opens a device, loads the weights and writes the features. */
async function onDevice(request: FeatureRequest, task: Task, images: ImageSet): Promise<void> {
  const { config, report, tree } = request;
  const program = trainingProgram(task);
  const runtime = await request.openRuntime({ program, training: trainingSettings(config, "single") });
  const parameters = new Parameters(declaredWeights(program), { trainable: false, threads: runtime.threads });
  let model: FeatureModel | undefined;
  try {
    model = FeatureModel.of(config, task, runtime, parameters);
    const checkpoint = config.text("PATHS.CHECKPOINT_FILE") || (await ownCheckpoint(config, tree));
    await loadStartingWeights(checkpoint, config, parameters, { complete: true, report });
    const labeled =
      request.labels === undefined ? [] : await labeledImages(request.labels, config, images, report);
    const mapOf = await writeAll(request, model, images, checkpoint);
    if (labeled.length > 0) await writeProbe(labeled, mapOf, config, tree, report);
  } finally {
    model?.release();
    await parameters.close();
    runtime.release?.();
  }
}

/** Writes the features and colors of all images, and `features.json`. Returns a function that reads an image's features. */
async function writeAll(
  request: FeatureRequest,
  model: FeatureModel,
  images: ImageSet,
  checkpoint: string,
): Promise<(info: ImageInfo) => Promise<FeatureMap>> {
  const { config, tree } = request;
  const { stride } = model;
  await createFolder(tree.features);
  const sample = await writeMaps(images, model, request, config.number("SYSTEM.SEED"));
  const basis = fitColors(sample.vectors);
  await writeColors(images, model, basis, request);
  const pictured = images.infos.map((info) => ({
    picture: basename(pictureFile(tree, info)),
    original: info.path,
  }));
  await describeFeatures(tree.features, basis, { checkpoint, stride, images: pictured });
  return (info) => readFeatures(pictureFile(tree, info), { stride, mean: basis.mean });
}

type Reporting = Pick<FeatureRequest, "report" | "signal" | "tree">;

/** Returns the path of an image's feature picture. */
const pictureFile = ({ features }: ResultTree, info: ImageInfo) => join(features, `${resultName(info)}.tif`);

/** Writes the features of each image. Returns some of all images' vectors. */
async function writeMaps(
  images: ImageSet,
  model: FeatureModel,
  { report, signal, tree }: Reporting,
  seed: number,
): Promise<FeatureSample> {
  const sample = new FeatureSample(seed);
  for (const [index, info] of images.infos.entries()) {
    const { path, shape } = info;
    const size = 4 * product(model.shapeFor(shape));
    if (size > MOST_BYTES) {
      const message = `${path}: its features would take ${bytes(size)}; ${bytes(MOST_BYTES)} are written at most. Use a smaller image.`;
      throw new InputError([{ severity: "error", file: path, message }]);
    }
    const label = `Features of ${basename(path)}`;
    const progress = (done: number, total: number) => report({ event: "progress", label, done, total });
    const map = await model.features(await images.image(index), { progress, signal });
    sample.add(map);
    await writeNpy(featureFile(pictureFile(tree, info)), { shape: map.shape, data: map.values });
  }
  return sample;
}

/** Writes the features of each image as colors over it. */
async function writeColors(
  images: ImageSet,
  model: FeatureModel,
  basis: ColorBasis,
  { report, signal, tree }: Reporting,
): Promise<void> {
  for (const [index, info] of images.infos.entries()) {
    const { path, shape, pixelSize } = info;
    signal.throwIfAborted();
    const map = await readFeatures(pictureFile(tree, info), { stride: model.stride, mean: basis.mean });
    const file = pictureFile(tree, info);
    const sampleType = "uint8";
    const colors = colorsOf(map, basis, shape);
    await writeSamples(file, colors, { channels: 3, sampleType, pixelSize }, wholeRegion(shape));
    report({
      event: "image",
      kind: "features",
      image: basename(path),
      files: { original: path, features: file },
    });
    report({ event: "progress", label: "Features", done: index + 1, total: images.infos.length });
  }
}
