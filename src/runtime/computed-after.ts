/** The order in which values are computed, where nothing else tells it. */
import { type Kernel, registerComposed, runKernel } from "./kernel.ts";
import type { tf } from "./tensor.ts";

export const COMPUTED_AFTER: Kernel<"x" | "other", object> = {
  name: "ComputedAfter",
  operands: ["x", "other"],
  attributes: {},
};

/**
 * Returns a copy of `x` that is known only after `others` are computed. A compiled graph would otherwise compute what follows from `x` as
 * early as it likes, and keep it.
 *
 * @param x `[…, token, feature]`, as `others` are, with other numbers of tokens; should be small
 */
export function computedAfter(x: tf.Tensor, others: readonly tf.Tensor[]): tf.Tensor {
  return others.reduce((value, other) => runKernel(COMPUTED_AFTER, { x: value, other }, {}), x);
}

registerComposed(COMPUTED_AFTER, ({ x }) => x.clone());
