/** U-NeXt V1: a U-NeXt with blocks of ConvNeXt V1 (Liu et al. 2022, "A ConvNet for the 2020s"). */
import type { Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { convNextV1 } from "./convnext.ts";
import { type UNextSettings, unext } from "./unext.ts";

/** @param images `[batch, (z,) y, x, channel]` */
export function uNextV1(scope: Scope, images: tf.Tensor, settings: UNextSettings): tf.Tensor {
  return unext(scope, images, settings, convNextV1);
}
