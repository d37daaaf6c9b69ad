/** U-NeXt V2: a U-NeXt with blocks of ConvNeXt V2 (Woo et al. 2023, with global response normalization). */
import type { Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { convNextV2 } from "./convnext.ts";
import { type UNextSettings, unext } from "./unext.ts";

/** @param images `[batch, (z,) y, x, channel]` */
export function uNextV2(scope: Scope, images: tf.Tensor, settings: UNextSettings): tf.Tensor {
  return unext(scope, images, settings, convNextV2);
}
