/** Normalizations as kernels with gradients. Each takes fewer passes over memory than the same formula in TensorFlow.js ops. */
import { exactly } from "../facts/checked-lists.ts";
import {
  isNumber,
  isNumbers,
  type Kernel,
  registerComposed,
  registerGradient,
  runKernelForAll,
} from "./kernel.ts";
import { tf } from "./tensor.ts";

interface Statistics {
  readonly axes: readonly number[];
  readonly epsilon: number;
}
const STATISTICS = { axes: isNumbers, epsilon: isNumber };

export const LAYER_NORMALIZATION: Kernel<"x" | "gamma" | "beta", { readonly epsilon: number }> = {
  name: "LayerNormalization",
  operands: ["x", "gamma", "beta"],
  attributes: { epsilon: isNumber },
};
export const LAYER_NORMALIZATION_GRADIENT: Kernel<
  "dy" | "x" | "gamma" | "mean" | "inverseDeviation",
  object
> = {
  name: "LayerNormalizationGradient",
  operands: ["dy", "x", "gamma", "mean", "inverseDeviation"],
  attributes: {},
};
export const STANDARDIZE: Kernel<"x", Statistics> = {
  name: "Standardize",
  operands: ["x"],
  attributes: STATISTICS,
};
export const NORMALIZE_CHANNELS: Kernel<"x" | "gamma" | "beta", Statistics> = {
  name: "NormalizeChannels",
  operands: ["x", "gamma", "beta"],
  attributes: STATISTICS,
};
export const NORMALIZE_CHANNELS_GRADIENT: Kernel<
  "dy" | "gamma" | "centered" | "inverseDeviation",
  Statistics
> = {
  name: "NormalizeChannelsGradient",
  operands: ["dy", "gamma", "centered", "inverseDeviation"],
  attributes: STATISTICS,
};

const leadingAxes = (x: tf.Tensor) => x.shape.slice(0, -1).map((_, axis) => axis);

/**
 * Normalizes the last axis to mean 0 and variance 1, then scales by `gamma` and shifts by `beta` (Ba et al. 2016).
 *
 * @param x `[…, feature]`
 * @param gamma `[feature]`
 * @param beta `[feature]`
 */
export function layerNormalization(
  x: tf.Tensor,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  epsilon: number,
): tf.Tensor {
  const [normalized] = exactly(runKernelForAll(LAYER_NORMALIZATION, { x, gamma, beta }, { epsilon }), 3);
  return normalized;
}

registerComposed(LAYER_NORMALIZATION, ({ x, gamma, beta }, { epsilon }) => {
  const { mean, variance } = tf.moments(x, -1, true);
  const inverseDeviation = variance.add(epsilon).rsqrt();
  return [x.sub(mean).mul(inverseDeviation).mul(gamma).add(beta), mean, inverseDeviation];
});

registerGradient(
  LAYER_NORMALIZATION,
  { operands: ["x", "gamma"], results: ["", "mean", "inverseDeviation"] },
  (dy, saved) => {
    const gradients = () => exactly(runKernelForAll(LAYER_NORMALIZATION_GRADIENT, { dy, ...saved }, {}), 3);
    return { x: () => gradients()[0], gamma: () => gradients()[1], beta: () => gradients()[2] };
  },
);

registerComposed(LAYER_NORMALIZATION_GRADIENT, ({ dy, x, gamma, mean, inverseDeviation }) => {
  const normalized = x.sub(mean).mul(inverseDeviation);
  const slope = dy.mul(gamma);
  const along = slope.mul(normalized).mean(-1, true);
  const centered = slope.sub(slope.mean(-1, true)).sub(normalized.mul(along));
  const axes = leadingAxes(x);
  return [centered.mul(inverseDeviation), dy.mul(normalized).sum(axes), dy.sum(axes)];
});

/** Normalizes `x` to mean 0 and variance 1 along `axes`, without scale and shift. */
export function standardize(x: tf.Tensor, axes: readonly number[], epsilon: number): tf.Tensor {
  const [standardized] = exactly(runKernelForAll(STANDARDIZE, { x }, { axes, epsilon }), 3);
  return standardized;
}

registerComposed(STANDARDIZE, ({ x }, { axes, epsilon }) => {
  const { mean, variance } = tf.moments(x, [...axes], true);
  return [x.sub(mean).mul(variance.add(epsilon).rsqrt()), mean, variance];
});

registerGradient(
  STANDARDIZE,
  { results: ["standardized", "", "variance"] },
  (dy, { standardized, variance }, { axes: readonlyAxes, epsilon }) => ({
    x: () => {
      const axes = [...readonlyAxes];
      const along = dy.mul(standardized).mean(axes, true);
      return dy.sub(dy.mean(axes, true)).sub(standardized.mul(along)).mul(variance.add(epsilon).rsqrt());
    },
  }),
);

/** Normalized values, and the statistics that normalized them. */
export interface Normalized {
  readonly normalized: tf.Tensor;
  /** Mean over the normalized axes, which have size 1 here. No gradient flows through it. */
  readonly mean: tf.Tensor;
  /** Biased variance, of the same shape. No gradient flows through it. */
  readonly variance: tf.Tensor;
}

/**
 * Normalizes each channel of `x` to mean 0 and variance 1 along `axes`, then scales by `gamma` and shifts by `beta`. Over batch and
 * space this is batch normalization, over space alone instance normalization.
 *
 * @param x `[batch, …space, channel]`
 * @param gamma `[channel]`
 * @param beta `[channel]`
 */
export function normalizeChannels(
  x: tf.Tensor,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  axes: readonly number[],
  epsilon: number,
): Normalized {
  const results = runKernelForAll(NORMALIZE_CHANNELS, { x, gamma, beta }, { axes, epsilon });
  const [normalized, mean, variance] = exactly(results, 5);
  return { normalized, mean, variance };
}

registerComposed(NORMALIZE_CHANNELS, ({ x, gamma, beta }, { axes, epsilon }) => {
  const { mean, variance } = tf.moments(x, [...axes], true);
  const centered = x.sub(mean);
  const inverseDeviation = variance.add(epsilon).rsqrt();
  const normalized = centered.mul(inverseDeviation).mul(gamma).add(beta);
  return [normalized, mean, variance, centered, inverseDeviation];
});

registerGradient(
  NORMALIZE_CHANNELS,
  { operands: ["gamma"], results: ["", "", "", "centered", "inverseDeviation"] },
  (dy, saved, attributes) => {
    const gradients = () =>
      exactly(runKernelForAll(NORMALIZE_CHANNELS_GRADIENT, { dy, ...saved }, attributes), 3);
    return { x: () => gradients()[0], gamma: () => gradients()[1], beta: () => gradients()[2] };
  },
);

registerComposed(
  NORMALIZE_CHANNELS_GRADIENT,
  ({ dy, gamma, centered, inverseDeviation }, { axes: readonlyAxes }) => {
    const axes = [...readonlyAxes];
    const standardized = centered.mul(inverseDeviation);
    const product = dy.mul(standardized);
    const slope = dy.sub(dy.mean(axes, true)).sub(standardized.mul(product.mean(axes, true)));
    return [slope.mul(inverseDeviation).mul(gamma), product.sum(leadingAxes(dy)), dy.sum(leadingAxes(dy))];
  },
);
