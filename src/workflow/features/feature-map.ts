/** The encoder's features of a whole image, patch by patch. */

import { channelsOf, ndimOf } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import type { NormalizedImage } from "../../data/image-set.ts";
import { type Box, boxOf } from "../../data/tiling.ts";
import { entryOf, exactly, product } from "../../facts/checked-lists.ts";
import type { ImageShape } from "../../facts/samples.ts";
import type { Executable, Runtime } from "../../runtime/executable.ts";
import type { Parameters } from "../../runtime/parameters.ts";
import { evenBatch } from "../batches.ts";
import type { Watch } from "../predict.ts";
import { patchBox } from "../settings.ts";
import { inOneBatch } from "../tasks/batch-arrays.ts";
import type { Task } from "../tasks/task.ts";

/** Features on a grid over an image. */
export interface FeatureMap {
  /** `[z, y, x, feature]` */
  readonly shape: readonly [z: number, y: number, x: number, feature: number];
  readonly values: Float32Array;
  /** Image pixels that a place of the grid covers along `[z, y, x]`. */
  readonly stride: Box;
}

/** A model's encoder, compiled for batches of patches. */
export class FeatureModel {
  private readonly executable: Executable;
  /** Places of the grid in a patch, `[z, y, x]`. */
  private readonly grid: Box;
  private readonly featureCount: number;

  /** @param patch `[z, y, x]`; z is 1 in 2D */
  private constructor(
    task: Task,
    runtime: Runtime,
    parameters: Parameters,
    private readonly patch: Box,
    private readonly batchSize: number,
    { ndim, channels }: { readonly ndim: 2 | 3; readonly channels: number },
  ) {
    const size = ndim === 3 ? patch : patch.slice(1);
    const program = task.features([batchSize, ...size, channels]);
    let shape: readonly number[] = [];
    this.executable = runtime.compile(
      {
        ...program,
        forward: (scope, inputs) => {
          const outputs = program.forward(scope, inputs);
          shape = entryOf(outputs, "features").shape;
          return outputs;
        },
      },
      parameters,
      { gradients: false },
    );
    const space = shape.slice(1, -1);
    this.featureCount = shape.at(-1) ?? 0;
    this.grid = ndim === 3 ? exactly(space, 3) : [1, ...exactly(space, 2)];
  }

  /**
   * Compiles the encoder of a configuration's model, for patches of DATA.PATCH_SIZE. Throws `InputError` if it has none.
   *
   * @param shown the size of the only image; undefined for many images
   */
  static of(
    config: Config,
    task: Task,
    runtime: Runtime,
    parameters: Parameters,
    shown?: ImageShape,
  ): FeatureModel {
    const size = { ndim: ndimOf(config), channels: channelsOf(config) };
    const patch = patchBox(config);
    const patches = shown && product(boxOf((axis) => Math.ceil(shown[axis] / patch[axis])));
    const batchSize = evenBatch(patches ?? task.batchSize, task.batchSize);
    return new FeatureModel(task, runtime, parameters, patch, batchSize, size);
  }

  get stride(): Box {
    return boxOf((axis) => this.patch[axis] / this.grid[axis]);
  }

  /** Returns the shape of the grid over an image, `[z, y, x, feature]`. Its last places may extend beyond the border. */
  shapeFor(image: ImageShape): FeatureMap["shape"] {
    return [...boxOf((axis) => Math.ceil(image[axis] / this.stride[axis])), this.featureCount];
  }

  /** Returns the features of an image; patches are completed by reflection at the border. Throws the signal's reason when aborted. */
  async features(image: NormalizedImage, watch?: Watch): Promise<FeatureMap> {
    const shape = this.shapeFor(image.info.shape);
    const values = new Float32Array(product(shape));
    const starts = this.starts(shape);
    for (let first = 0; first < starts.length; first += this.batchSize) {
      const batch = starts.slice(first, first + this.batchSize);
      const patches: Float32Array[] = [];
      for (const start of batch)
        patches.push(
          await image.patch(
            boxOf((axis) => start[axis] * this.stride[axis]),
            this.patch,
          ),
        );
      entryOf(this.executable.inputs, "images").set(inOneBatch(patches, this.batchSize));
      await this.executable.run(0);
      for (const [sample, start] of batch.entries()) this.place(values, shape, sample, start);
      watch?.progress(Math.min(first + this.batchSize, starts.length), starts.length);
      watch?.signal.throwIfAborted();
    }
    return { shape, values, stride: this.stride };
  }

  release(): void {
    this.executable.release();
  }

  /** Returns the starts of adjacent patches on the grid. */
  private starts(shape: FeatureMap["shape"]): Box[] {
    const along = (axis: 0 | 1 | 2) =>
      Array.from({ length: Math.ceil(shape[axis] / this.grid[axis]) }, (_, index) => index * this.grid[axis]);
    return along(0).flatMap((z) => along(1).flatMap((y) => along(2).map((x) => [z, y, x] as const)));
  }

  /** Copies a patch's features to their place, without those beyond the border. */
  private place(values: Float32Array, shape: FeatureMap["shape"], sample: number, start: Box): void {
    const features = entryOf(this.executable.outputs, "features");
    const [, rows, columns, count] = shape;
    const [depth, height, width] = this.grid;
    const wide = Math.min(width, columns - start[2]) * count;
    for (let z = 0; z < Math.min(depth, shape[0] - start[0]); z++)
      for (let y = 0; y < Math.min(height, rows - start[1]); y++) {
        const from = ((sample * depth + z) * height + y) * width * count;
        const to = (((start[0] + z) * rows + start[1] + y) * columns + start[2]) * count;
        values.set(features.subarray(from, from + wide), to);
      }
  }
}
