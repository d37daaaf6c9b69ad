/** Applies a trained model to test images: one path for every workflow. */

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { ndimOf } from "../config/basics.ts";
import type { Config } from "../config/config.ts";
import type { NormalizedImage } from "../data/image-set.ts";
import type { ImagePairs } from "../data/patches.ts";
import { type Box, common, type TilingSettings } from "../data/tiling.ts";
import { at } from "../facts/checked-lists.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import type { ImageFiles, Metrics } from "../facts/run-events.ts";
import { type ImageInfo, type ImageShape, type Region, wholeRegion } from "../images/image.ts";
import { evenBatch } from "./batches.ts";
import { chunkedPath, predictByChunks } from "./by-chunks.ts";
import type { PatchModels } from "./patch-models.ts";
import { type PatchModel, patchCount, predictImage, timed, type Watch, withOutputs } from "./predict.ts";
import { resultName } from "./result-names.ts";
import { tilingSettings } from "./settings.ts";
import { type Measurement, type ResultTask, TestPart } from "./tasks/task.ts";
import { type ChunkSettings, chunkSettings, evaluatedRegion, middleOf, testModel } from "./test-settings.ts";
import { writeSamples } from "./write-image.ts";

export interface TestedImage {
  readonly files: ImageFiles;
  readonly metrics: Metrics;
  /** Seconds in which the network ran. */
  readonly predictionSeconds: number;
}

/** Predicts images, and writes and measures the predictions. */
export class ImageTester {
  /** Batch size of all test images. One size for all, because each is compiled. */
  private testBatch: number | undefined;
  private predictionSeconds = 0;

  constructor(
    private readonly config: Config,
    private readonly tree: ResultTree,
    private readonly testing: ResultTask,
    private readonly models: PatchModels,
  ) {}

  /** Shows the state of training: predicts an image, or the middle of a large one, and writes pictures of it. */
  async preview(pairs: ImagePairs, index: number): Promise<ImageFiles> {
    const tiling = tilingSettings(this.config, "TEST");
    const image = await pairs.images.image(index);
    const batchSize = this.batchFor(image.info.shape, tiling, middleOf(image.info.shape));
    const part = await predictMiddle({
      image,
      target: await pairs.targets?.image(index),
      tiling,
      model: async () => this.models.modelFor(tiling.patch, batchSize, image),
    });
    return this.shown(pairs, index, await this.testing.writePictures(part, this.tree.previews));
  }

  /** Predicts a test image as set in TEST.*. Throws the signal's reason when aborted. */
  async test(pairs: ImagePairs, index: number, watch: Watch): Promise<TestedImage> {
    this.predictionSeconds = 0;
    const image = await pairs.images.image(index);
    const target = await pairs.targets?.image(index);
    const chunks = chunkSettings(this.config);
    const given = { image, target, watch, ...this.prediction(image, pairs) };
    const { files, metrics } =
      chunks === undefined ? await this.testWhole(given) : await this.testByChunks(given, chunks);
    const { testPictures } = this.testing;
    const pictures =
      testPictures === undefined
        ? {}
        : await this.testing.writePictures(files.part ?? (await predictMiddle(given)), testPictures);
    const { predictionSeconds } = this;
    return { files: this.shown(pairs, index, { ...pictures, ...files.written }), metrics, predictionSeconds };
  }

  release(): void {
    this.models.release();
  }

  /** Returns the tiling of a test image, and the model of its patches, which is compiled on request. */
  private prediction(
    image: NormalizedImage,
    { images: { infos } }: ImagePairs,
  ): Pick<TestImage, "tiling" | "model"> {
    const { config, models } = this;
    const full = config.flag("TEST.FULL_IMG") && ndimOf(config) === 2;
    const tiling = full ? fullImage(models, image.info.shape) : tilingSettings(config, "TEST");
    const batchSize = full ? 1 : this.batchForAll(infos, tiling);
    const spent = (seconds: number) => {
      this.predictionSeconds += seconds;
    };
    const modelFor = async (patch: Box) => timed(await models.modelFor(patch, batchSize, image), spent);
    return { tiling, model: () => testModel(config, modelFor, tiling.patch, models.takesOneSize) };
  }

  private batchForAll(infos: readonly ImageInfo[], tiling: TilingSettings): number {
    this.testBatch ??= infos.reduce((most, { shape }) => Math.max(most, this.batchFor(shape, tiling)), 1);
    return this.testBatch;
  }

  /** Returns the batch size for the patches that predict a region of an image. Defaults to all of it. */
  private batchFor(shape: ImageShape, tiling: TilingSettings, region = wholeRegion(shape)): number {
    return evenBatch(patchCount(shape, tiling, region), this.models.batchSize);
  }

  private async testWhole({ image, target, tiling, model, watch }: TestImage): Promise<Tested> {
    const region = wholeRegion(image.info.shape);
    const reused = this.config.flag("TEST.REUSE_PREDICTIONS")
      ? await this.testing.reuse(image, watch)
      : undefined;
    const values = reused ?? (await predictImage(await model(), image, { tiling, watch }));
    const part = new TestPart(image, target, region, values);
    const written: Record<string, string> = {};
    const saveRaw = this.config.flag("TEST.SAVE_MODEL_RAW_OUTPUT");
    for (const file of this.testing.resultFiles(image, false)) {
      if (file.raw && !saveRaw) continue;
      const path = join(file.folder, `${resultName(image.info)}.tif`);
      written[file.role] = await writeSamples(
        path,
        await file.values(part),
        { ...file, pixelSize: image.info.pixelSize },
        region,
      );
    }
    const measurement = this.testing.measurement(false);
    await addEvaluated(measurement, part, evaluatedRegion(this.config, image.info));
    return { files: { part, written }, metrics: measurement.metrics };
  }

  private async testByChunks(
    { image, target, tiling, model, watch }: TestImage,
    settings: ChunkSettings,
  ): Promise<Tested> {
    const files = this.testing
      .resultFiles(image, true)
      .map((file) => ({ ...file, path: chunkedPath(file.folder, image.info, settings) }));
    const written = Object.fromEntries(files.map(({ role, path }) => [role, path]));
    if (this.config.flag("TEST.REUSE_PREDICTIONS") && files.every(({ path }) => existsSync(path)))
      return { files: { written }, metrics: {} };
    const measurement = this.testing.measurement(true);
    const box = evaluatedRegion(this.config, image.info);
    let part: TestPart | undefined;
    const { neededByChunks } = this.testing;
    await predictByChunks({
      model: neededByChunks === undefined ? await model() : withOutputs(await model(), neededByChunks),
      image,
      tiling,
      settings,
      watch,
      predicted: async ({ region, values }) => {
        part = new TestPart(image, target, region, values);
        await addEvaluated(measurement, part, box);
      },
      files: files.map((file) => ({
        ...file,
        values: ({ region, values }) =>
          file.values(part?.region === region ? part : new TestPart(image, target, region, values)),
      })),
    });
    return { files: { written }, metrics: measurement.metrics };
  }

  private shown({ images, targets }: ImagePairs, index: number, written: ImageFiles): ImageFiles {
    const target = targets?.infos[index]?.path;
    return this.testing.shown(resolve(at(images.infos, index).path), target && resolve(target), written);
  }
}

/** A test image, and how it is predicted. */
interface TestImage {
  readonly image: NormalizedImage;
  /** The ground truth, if known. */
  readonly target: NormalizedImage | undefined;
  readonly tiling: TilingSettings;
  readonly model: () => Promise<PatchModel>;
  readonly watch: Watch;
}

/** Predicts an image, or the middle of a large one, for display. */
async function predictMiddle({
  image,
  target,
  tiling,
  model,
  watch,
}: Omit<TestImage, "watch"> & Partial<Pick<TestImage, "watch">>): Promise<TestPart> {
  const region = middleOf(image.info.shape);
  return new TestPart(
    image,
    target,
    region,
    await predictImage(await model(), image, { tiling, region, watch }),
  );
}

interface Tested {
  /** Result files by what they show, and the whole image's prediction where it is in memory. */
  readonly files: { readonly written: ImageFiles; readonly part?: TestPart };
  readonly metrics: Metrics;
}

/** Measures the evaluated region of a part. */
async function addEvaluated(measurement: Measurement, part: TestPart, box: Region): Promise<void> {
  const evaluated = common(part.region, box);
  if (evaluated !== undefined) await measurement.add(part.within(evaluated));
}

/** Returns the tiling of an image that is one patch (TEST.FULL_IMG), completed by reflection to a size that the network takes. */
function fullImage(models: PatchModels, [, height, width]: ImageShape): TilingSettings {
  const patch = [1, models.complete(height, 1), models.complete(width, 2)] as const;
  return { patch, overlap: [0, 0, 0], padding: [0, 0, 0] };
}
