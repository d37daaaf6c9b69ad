/**
 * Operations that TensorFlow.js lacks and ONNX has, or that cost a pass over memory less when taken as one, as TensorFlow.js kernels
 * with gradients, so that models use them like any other. Backends without a kernel of their own compose them from TensorFlow.js ops.
 */
import { tf } from "./tensor.ts";

const COMPOSED_ON = ["cpu", "wasm", "tensorflow", "webgl", "webgpu"];

/** Registers a kernel for backends that have none of their own, composed of TensorFlow.js ops. */
export function registerComposed(kernelName: string, kernelFunc: tf.KernelFunc): void {
  for (const backendName of COMPOSED_ON) tf.registerKernel({ kernelName, backendName, kernelFunc });
}

const SQRT_HALF = Math.SQRT1_2;
const INVERSE_SQRT_TAU = 1 / Math.sqrt(2 * Math.PI);

/** Φ, the normal distribution's cumulative function. */
const cumulative = (x: tf.Tensor): tf.Tensor => x.mul(SQRT_HALF).erf().add(1).mul(0.5);

/** x · Φ(x), exactly (Hendrycks & Gimpel 2016). */
export function gelu<T extends tf.Tensor>(x: T): T {
  return tf.engine().runKernel("Gelu", { x }) as T;
}

registerComposed("Gelu", ({ inputs }) => {
  const x = inputs.x as tf.Tensor;
  return tf.tidy(() => x.mul(cumulative(x)));
});

tf.registerGradient({
  kernelName: "Gelu",
  inputsToSave: ["x"],
  gradFunc: (dy, saved) => {
    const [x] = saved;
    const density = () => x.square().mul(-0.5).exp().mul(INVERSE_SQRT_TAU);
    return {
      x: () =>
        cumulative(x)
          .add(x.mul(density()))
          .mul(dy as tf.Tensor),
    };
  },
});

/** x · sigmoid(x) (Elfwing, Uchibe & Doya 2018). */
export function silu<T extends tf.Tensor>(x: T): T {
  return tf.engine().runKernel("Silu", { x }) as T;
}

registerComposed("Silu", ({ inputs }) => {
  const x = inputs.x as tf.Tensor;
  return tf.tidy(() => x.mul(x.sigmoid()));
});

tf.registerGradient({
  kernelName: "Silu",
  inputsToSave: ["x"],
  outputsToSave: [true],
  gradFunc: (dy, [x, y]) => ({
    x: () => {
      const rising = x.sigmoid();
      return rising.add(y.mul(tf.scalar(1).sub(rising))).mul(dy as tf.Tensor);
    },
  }),
});

/**
 * How a matrix resizes an image: linearly between pixels that cover the same area or whose corners coincide, or by the nearest pixel.
 * PyTorch's `align_corners=False`, `align_corners=True` and `mode="nearest"`.
 */
export type Resizing = "area" | "corners" | "nearest";

/**
 * `x` with each line along an axis multiplied by a matrix `[size, new size]` that is not learned.
 *
 * @param resizing what the matrix does, where `x` is an image that it resizes: models for other programs say so instead of holding it
 */
export function alongAxis(x: tf.Tensor, axis: number, matrix: tf.Tensor, resizing?: Resizing): tf.Tensor {
  return tf
    .engine()
    .runKernel("AlongAxis", { x, matrix }, resizing === undefined ? { axis } : { axis, resizing });
}

registerComposed("AlongAxis", ({ inputs, attrs }) => {
  const { x, matrix } = inputs as Record<string, tf.Tensor>;
  const { axis } = attrs as unknown as { axis: number };
  const last = x.rank - 1;
  const order = x.shape.map((_, each) => (each === axis ? last : each === last ? axis : each));
  return tf.tidy(() => {
    const turned = x.transpose(order);
    const lines = turned.reshape([-1, x.shape[axis]]).matMul(matrix);
    return lines.reshape([...turned.shape.slice(0, -1), matrix.shape[1] ?? 0]).transpose(order);
  });
});

tf.registerGradient({
  kernelName: "AlongAxis",
  inputsToSave: ["matrix"],
  gradFunc: (dy, [matrix], attributes) => ({
    x: () => alongAxis(dy as tf.Tensor, (attributes as unknown as { axis: number }).axis, matrix.transpose()),
    matrix: () => {
      throw new Error("The matrix of alongAxis is not learned.");
    },
  }),
});

/** The same values, in single precision from here on where training is in mixed precision. */
export function inSinglePrecision(x: tf.Tensor): tf.Tensor {
  return tf.engine().runKernel("InSinglePrecision", { x });
}

registerComposed("InSinglePrecision", ({ inputs }) => (inputs.x as tf.Tensor).clone());

tf.registerGradient({ kernelName: "InSinglePrecision", gradFunc: (dy) => ({ x: () => dy as tf.Tensor }) });

/** The same values, as a constant: no gradient flows through them. */
export function withoutGradient(x: tf.Tensor): tf.Tensor {
  return tf.engine().runKernel("WithoutGradient", { x });
}

registerComposed("WithoutGradient", ({ inputs }) => (inputs.x as tf.Tensor).clone());

tf.registerGradient({
  kernelName: "WithoutGradient",
  gradFunc: (dy) => ({ x: () => tf.zerosLike(dy as tf.Tensor) }),
});

/** The same values, whose gradient as a whole is shortened to a norm of at most `norm`. */
export function clippedGradient(x: tf.Tensor, norm: number): tf.Tensor {
  return tf.engine().runKernel("ClippedGradient", { x }, { norm });
}

registerComposed("ClippedGradient", ({ inputs }) => (inputs.x as tf.Tensor).clone());

tf.registerGradient({
  kernelName: "ClippedGradient",
  gradFunc: (gradient, _, attributes) => {
    const dy = gradient as tf.Tensor;
    const { norm } = attributes as unknown as { norm: number };
    return { x: () => dy.mul(tf.scalar(norm).div(dy.square().sum().sqrt().add(1e-12)).minimum(1)) };
  },
});

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
  const [normalized] = tf
    .engine()
    .runKernel("LayerNormalization", { x, gamma, beta }, { epsilon }) as unknown as tf.Tensor[];
  return normalized;
}

registerComposed("LayerNormalization", ({ inputs, attrs }) => {
  const { x, gamma, beta } = inputs as Record<"x" | "gamma" | "beta", tf.Tensor>;
  const { epsilon } = attrs as unknown as { epsilon: number };
  const [normalized, mean, inverseDeviation] = tf.tidy(() => {
    const { mean, variance } = tf.moments(x, -1, true);
    const inverseDeviation = variance.add(epsilon).rsqrt();
    return [x.sub(mean).mul(inverseDeviation).mul(gamma).add(beta), mean, inverseDeviation];
  });
  return [normalized, mean, inverseDeviation];
});

tf.registerGradient({
  kernelName: "LayerNormalization",
  inputsToSave: ["x", "gamma"],
  outputsToSave: [false, true, true],
  gradFunc: (dys, saved) => {
    const [dy] = dys as tf.Tensor[];
    const [x, gamma, mean, inverseDeviation] = saved;
    const leading = x.shape.slice(0, -1).map((_, axis) => axis);
    const normalized = x.sub(mean).mul(inverseDeviation);
    return {
      x: () => {
        const slope = dy.mul(gamma);
        const along = slope.mul(normalized).mean(-1, true);
        return slope.sub(slope.mean(-1, true)).sub(normalized.mul(along)).mul(inverseDeviation);
      },
      gamma: () => dy.mul(normalized).sum(leading),
      beta: () => dy.sum(leading),
    };
  },
});

/** `x` with mean 0 and variance 1 along `axes`: group normalization's first half. */
export function standardize(x: tf.Tensor, axes: readonly number[], epsilon: number): tf.Tensor {
  const [standardized] = tf
    .engine()
    .runKernel("Standardize", { x }, { axes: [...axes], epsilon }) as unknown as tf.Tensor[];
  return standardized;
}

registerComposed("Standardize", ({ inputs, attrs }) => {
  const { x } = inputs as Record<string, tf.Tensor>;
  const { axes, epsilon } = attrs as unknown as { axes: number[]; epsilon: number };
  return tf.tidy(() => {
    const { mean, variance } = tf.moments(x, axes, true);
    return [x.sub(mean).mul(variance.add(epsilon).rsqrt()), mean, variance];
  }) as unknown as tf.TensorInfo[];
});

tf.registerGradient({
  kernelName: "Standardize",
  outputsToSave: [true, false, true],
  gradFunc: (dys, [standardized, variance], attributes) => {
    const [dy] = dys as tf.Tensor[];
    const { axes, epsilon } = attributes as unknown as { axes: number[]; epsilon: number };
    return {
      x: () => {
        const along = dy.mul(standardized).mean(axes, true);
        return dy.sub(dy.mean(axes, true)).sub(standardized.mul(along)).mul(variance.add(epsilon).rsqrt());
      },
    };
  },
});

export interface Normalized {
  readonly normalized: tf.Tensor;
  /** Of the axes that were looked at, which are 1 long; no gradient flows through it. */
  readonly mean: tf.Tensor;
  /** Biased. */
  readonly variance: tf.Tensor;
}

/**
 * Each channel of `x` with mean 0 and variance 1 along `axes`, scaled by `gamma` and shifted by `beta`: batch normalization along all
 * other axes, instance normalization along those of space.
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
  const [normalized, mean, variance] = tf
    .engine()
    .runKernel(
      "NormalizeChannels",
      { x, gamma, beta },
      { axes: [...axes], epsilon },
    ) as unknown as tf.Tensor[];
  return { normalized, mean, variance };
}

registerComposed("NormalizeChannels", ({ inputs, attrs }) => {
  const { x, gamma, beta } = inputs as Record<"x" | "gamma" | "beta", tf.Tensor>;
  const { axes, epsilon } = attrs as unknown as { axes: number[]; epsilon: number };
  return tf.tidy(() => {
    const { mean, variance } = tf.moments(x, axes, true);
    const centered = x.sub(mean);
    const inverseDeviation = variance.add(epsilon).rsqrt();
    const normalized = centered.mul(inverseDeviation).mul(gamma).add(beta);
    return [normalized, mean, variance, centered, inverseDeviation];
  }) as unknown as tf.TensorInfo[];
});

tf.registerGradient({
  kernelName: "NormalizeChannels",
  inputsToSave: ["gamma"],
  outputsToSave: [false, false, false, true, true],
  gradFunc: (dys, [gamma, centered, inverseDeviation], attributes) => {
    const [dy] = dys as tf.Tensor[];
    const gradients = () =>
      tf
        .engine()
        .runKernel(
          "NormalizeChannelsGradient",
          { dy, gamma, centered, inverseDeviation },
          attributes,
        ) as unknown as tf.Tensor[];
    return { x: () => gradients()[0], gamma: () => gradients()[1], beta: () => gradients()[2] };
  },
});

registerComposed("NormalizeChannelsGradient", ({ inputs, attrs }) => {
  const { dy, gamma, centered, inverseDeviation } = inputs as Record<string, tf.Tensor>;
  const { axes } = attrs as unknown as { axes: number[] };
  return tf.tidy(() => {
    const others = dy.shape.slice(0, -1).map((_, axis) => axis);
    const standardized = centered.mul(inverseDeviation);
    const product = dy.mul(standardized);
    const slope = dy.sub(dy.mean(axes, true)).sub(standardized.mul(product.mean(axes, true)));
    return [slope.mul(inverseDeviation).mul(gamma), product.sum(others), dy.sum(others)];
  }) as unknown as tf.TensorInfo[];
});
