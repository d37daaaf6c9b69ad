/** Features of patches from an image network's encoder, at the layer that the model marks. */
import { entryOf } from "../../facts/checked-lists.ts";
import type { ImageModel } from "../../models/architectures.ts";
import type { Program } from "../../runtime/program.ts";
import { FEATURES, watched } from "../../runtime/scope.ts";
import type { tf } from "../../runtime/tensor.ts";
import { InputError } from "../input-error.ts";

/**
 * Returns a program of the model's encoder: input `images`, output `features` `[batch, (z,) y, x, feature]`. Running it throws
 * {@link InputError} for networks without an encoder.
 *
 * @param shape of the images, `[batch, (z,) y, x, channel]`
 */
export function encoderFeatures(model: ImageModel, shape: readonly number[]): Program {
  return {
    training: false,
    inputs: { images: { shape, type: "float32" } },
    forward: (scope, inputs) => {
      let features: tf.Tensor | undefined;
      const seen = (name: string, value: tf.Tensor) => {
        if (name === FEATURES) features = value;
      };
      model(watched(scope, seen), entryOf(inputs, "images"));
      if (features === undefined) throw new InputError([NO_ENCODER]);
      return { features };
    },
  };
}

const NO_ENCODER = {
  severity: "error",
  key: "MODEL.ARCHITECTURE",
  message:
    "this network has no encoder whose features could be shown. Networks with one: mae, vit, unetr, hrnet, stunet and the U-Nets.",
} as const;
