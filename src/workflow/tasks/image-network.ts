/** The part of a task that all networks that return an image share. */
import { architectureOf } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import { type ImageModel, imageModel } from "../../models/architectures.ts";
import { buildArguments } from "../model-settings.ts";
import { encoderFeatures } from "./encoder-features.ts";
import type { Task } from "./task.ts";

export interface ImageNetwork {
  readonly model: ImageModel;
  /** The task's properties that follow from the network. */
  readonly network: Pick<Task, "architecture" | "buildArguments" | "batchSize" | "features">;
}

/** Returns a configuration's network. */
export function imageNetwork(config: Config): ImageNetwork {
  const build = buildArguments(config);
  const architecture = architectureOf(config);
  const model = imageModel(architecture, build);
  const batchSize = config.number("TRAIN.BATCH_SIZE");
  const features: Task["features"] = (shape) => encoderFeatures(model, shape);
  return { model, network: { architecture, buildArguments: build, batchSize, features } };
}
