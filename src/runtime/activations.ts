/** Activations that TensorFlow.js lacks, as kernels with gradients, and smaller or faster gradients of its ReLUs. */
import { isNumber, type Kernel, registerComposed, registerGradient, runKernel } from "./kernel.ts";
import { tf } from "./tensor.ts";

export const GELU: Kernel<"x", object> = { name: "Gelu", operands: ["x"], attributes: {} };
export const GELU_GRADIENT: Kernel<"dy" | "x", object> = {
  name: "GeluGradient",
  operands: ["dy", "x"],
  attributes: {},
};
export const SILU: Kernel<"x", object> = { name: "Silu", operands: ["x"], attributes: {} };

const SQRT_HALF = Math.SQRT1_2;
const INVERSE_SQRT_TAU = 1 / Math.sqrt(2 * Math.PI);

/** Returns Φ(x), the normal distribution's cumulative function. */
const cumulative = (x: tf.Tensor): tf.Tensor => x.mul(SQRT_HALF).erf().add(1).mul(0.5);

/** Returns φ(x), the normal distribution's density. */
const density = (x: tf.Tensor): tf.Tensor => x.square().mul(-0.5).exp().mul(INVERSE_SQRT_TAU);

/** Returns x · Φ(x), without the tanh approximation (Hendrycks & Gimpel 2016). */
export function gelu(x: tf.Tensor): tf.Tensor {
  return runKernel(GELU, { x }, {});
}

registerComposed(GELU, ({ x }) => x.mul(cumulative(x)));

registerGradient(GELU, { operands: ["x"] }, (dy, { x }) => ({
  x: () => runKernel(GELU_GRADIENT, { dy, x }, {}),
}));

registerComposed(GELU_GRADIENT, ({ dy, x }) =>
  cumulative(x)
    .add(x.mul(density(x)))
    .mul(dy),
);

/** Returns x · sigmoid(x) (Elfwing, Uchibe & Doya 2018). */
export function silu(x: tf.Tensor): tf.Tensor {
  return runKernel(SILU, { x }, {});
}

registerComposed(SILU, ({ x }) => x.mul(x.sigmoid()));

registerGradient(SILU, { operands: ["x"], results: ["y"] }, (dy, { x, y }) => ({
  x: () => {
    const sigmoid = x.sigmoid();
    return sigmoid.add(y.mul(tf.scalar(1).sub(sigmoid))).mul(dy);
  },
}));

const RELU: Kernel<"x", object> = { name: "Relu", operands: ["x"], attributes: {} };
const LEAKY_RELU: Kernel<"x", { readonly alpha: number }> = {
  name: "LeakyRelu",
  operands: ["x"],
  attributes: { alpha: isNumber },
};

// TensorFlow.js saves x. The result, which the next layer's gradient needs anyway, has the same sign (alpha is not negative). Its choice
// between dy and alpha · dy runs on one thread in onnxruntime: a product with the slope takes a third of the time.
registerGradient(LEAKY_RELU, { results: ["y"] }, (dy, { y }, { alpha }) => ({
  x: () => dy.mul(y.step(alpha)),
}));
registerGradient(RELU, { results: ["y"] }, (dy, { y }) => ({ x: () => dy.mul(y.step()) }));
