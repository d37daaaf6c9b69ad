/** The discrete Fourier transform of real images, as matrix products: no runtime here has a differentiable operator for it. */
import { at } from "../facts/checked-lists.ts";
import { alongAxis } from "./operators.ts";
import { tf } from "./tensor.ts";

/** Fourier coefficients. */
export interface Spectrum {
  readonly real: tf.Tensor;
  readonly imaginary: tf.Tensor;
}

/** Returns a wave's value at each pixel for each of the first `frequencies` frequencies, `[pixel, frequency]`. */
function waves(size: number, frequencies: number, wave: (angle: number) => number): tf.Tensor {
  const table = Float32Array.from({ length: size * frequencies }, (_, index) => {
    // The product is taken modulo the size so that the angle stays exact.
    const turns = (Math.floor(index / frequencies) * (index % frequencies)) % size;
    return wave((2 * Math.PI * turns) / size);
  });
  return tf.tensor2d(table, [size, frequencies]);
}

/**
 * Returns the spectrum of a real tensor.
 *
 * @param x real values of any shape
 * @param axes the axes to transform
 * @param half whether to keep only the frequencies 0 to size / 2 along the last of `axes`: the others mirror them
 */
export function fourierTransform(x: tf.Tensor, axes: readonly number[], half = false): Spectrum {
  let real = x;
  let imaginary: tf.Tensor | undefined;
  for (const [index, axis] of axes.entries()) {
    const size = at(x.shape, axis);
    const frequencies = half && index === axes.length - 1 ? Math.floor(size / 2) + 1 : size;
    const cosines = waves(size, frequencies, Math.cos);
    const sines = waves(size, frequencies, Math.sin);
    const [realCosine, realSine] = [alongAxis(real, axis, cosines), alongAxis(real, axis, sines)];
    if (imaginary === undefined) {
      [real, imaginary] = [realCosine, realSine.neg()];
      continue;
    }
    const [otherCosine, otherSine] = [alongAxis(imaginary, axis, cosines), alongAxis(imaginary, axis, sines)];
    [real, imaginary] = [realCosine.add(otherSine), otherCosine.sub(realSine)];
  }
  return { real, imaginary: imaginary ?? tf.zerosLike(x) };
}
