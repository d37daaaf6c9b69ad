/** The loss of Noise2Void (Krull, Buchholz & Jug 2019): errors at blind spots, the pixels hidden from the network. */
import { inSinglePrecision } from "../runtime/operators.ts";
import type { tf } from "../runtime/tensor.ts";

/**
 * Returns squared and absolute errors at blind spots, `[batch]` each. Their mean over the patches with spots is the mean over all spots
 * of the batch. Patches without spots only pad the batch.
 *
 * @param prediction `[batch, (z,) y, x, channel]`
 * @param targets true values, of the same shape
 * @param spots 1 at blind spots, 0 elsewhere
 */
export function spotErrors(
  prediction: tf.Tensor,
  targets: tf.Tensor,
  spots: tf.Tensor,
): Record<"mse" | "mae", tf.Tensor> {
  const inner = Array.from({ length: spots.rank - 1 }, (_, axis) => axis + 1);
  const perPatch = spots.sum(inner);
  const scale = perPatch.greater(0).cast("float32").sum().div(perPatch.sum());
  const errors = inSinglePrecision(prediction).sub(targets).mul(spots);
  return {
    mse: errors.square().sum(inner).mul(scale),
    mae: errors.abs().sum(inner).mul(scale),
  };
}
