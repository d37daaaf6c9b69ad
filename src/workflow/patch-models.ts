/** Models for patches of an image: those of a task's network, compiled for each size. */

import { channelsOf, ndimOf, takesOneSize } from "../config/basics.ts";
import type { Config } from "../config/config.ts";
import type { NormalizedImage } from "../data/image-set.ts";
import type { Box } from "../data/tiling.ts";
import type { Runtime } from "../runtime/executable.ts";
import type { Parameters } from "../runtime/parameters.ts";
import { compiledModel, type PatchModel, together } from "./predict.ts";
import type { Task, TestingTask } from "./tasks/task.ts";
import { downsampling } from "./zoo/size-steps.ts";

/** The models that images are predicted with. */
export interface PatchModels {
  readonly batchSize: number;
  /** Whether patches have one size only. */
  readonly takesOneSize: boolean;
  /** Completes the size of an image along y or x to one that is predicted in one piece (TEST.FULL_IMG). Throws if there is none. */
  complete(size: number, axis: 1 | 2): number;
  /** The model of patches of a size; in a full image, that of the image. */
  modelFor(patch: Box, batchSize: number, image: NormalizedImage): PatchModel | Promise<PatchModel>;
  release(): void;
}

/** The models of a task's own network, compiled for each size of patches. */
export class CompiledModels implements PatchModels {
  readonly batchSize: number;
  readonly takesOneSize: boolean;
  private readonly testing: TestingTask;
  private compiled: { readonly key: string; readonly model: PatchModel; release(): void } | undefined;

  constructor(
    private readonly config: Config,
    { testing, batchSize }: Task,
    private readonly runtime: Runtime,
    private readonly parameters: Parameters,
  ) {
    this.testing = testing;
    this.batchSize = batchSize;
    this.takesOneSize = takesOneSize(config);
  }

  /** Completes a size to a multiple that every level of the network divides; at least BiaPy's, which goes by MODEL.FEATURE_MAPS alone. */
  complete(size: number): number {
    const ofBiapy = 2 ** this.config.numbers("MODEL.FEATURE_MAPS").length;
    const ofNetwork = downsampling(this.config).at(-1) || 1;
    let multiple = ofBiapy;
    while (multiple % ofNetwork !== 0) multiple += ofBiapy;
    return Math.ceil(size / multiple) * multiple;
  }

  modelFor(patch: Box, batchSize: number): PatchModel {
    const { config, testing } = this;
    const shape = [batchSize, ...(ndimOf(config) === 3 ? patch : patch.slice(1)), channelsOf(config)];
    const key = String(shape);
    if (this.compiled?.key === key) return this.compiled.model;
    this.release();
    const executable = this.runtime.compile(testing.prediction(shape), this.parameters, { gradients: false });
    const network = compiledModel(
      executable,
      batchSize,
      (inputs, patches, tiles, orientation) =>
        testing.feed(inputs, { patches, tiles, orientation, batchSize }),
      testing.channels,
    );
    const model = testing.withoutNetwork === undefined ? network : together(network, testing.withoutNetwork);
    this.compiled = { key, model, release: () => executable.release() };
    return model;
  }

  release(): void {
    this.compiled?.release();
    this.compiled = undefined;
  }
}
