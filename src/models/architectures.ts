/** The networks that turn an image into one of the same size, by the names that MODEL.ARCHITECTURE gives them. */
import type { tf } from "../runtime/tensor.ts";
import type { Scope } from "./scope.ts";

/** Maps `[batch, (z,) y, x, channel]` to the same shape. */
export type ImageModel = (scope: Scope, images: tf.Tensor) => tf.Tensor;

export interface ImageModelSettings {
  /** In lower case, as BiaPy names it: `unet`. */
  readonly architecture: string;
}

export function imageModel({ architecture }: ImageModelSettings): ImageModel {
  throw new Error(`There is no architecture ${architecture}.`);
}

/** The arguments that build the same network in BiaPy. */
export function buildArguments(_: ImageModelSettings): Record<string, string | number | boolean> {
  return {};
}
