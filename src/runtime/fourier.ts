/** The discrete Fourier transform of real images, as matrix products: no runtime here has a differentiable operator for it. */
import { at } from "../facts/checked-lists.ts";
import { alongAxis } from "./operators.ts";
import { tf } from "./tensor.ts";

/** Fourier coefficients. */
export interface Spectrum {
  readonly real: tf.Tensor;
  readonly imaginary: tf.Tensor;
}

/** An axis to transform, and the frequencies to keep, in their order: those of a real tensor above size / 2 mirror the others. */
export interface TransformedAxis {
  readonly axis: number;
  readonly frequencies: readonly number[];
}

/** Returns the first frequencies: `0, 1, …`. */
export const firstFrequencies = (count: number): number[] =>
  Array.from({ length: count }, (_, index) => index);

/** Returns a wave's value at each pixel for each frequency, `[pixel, frequency]`. */
function waves(size: number, frequencies: readonly number[], wave: (angle: number) => number): tf.Tensor {
  const table = Float32Array.from({ length: size * frequencies.length }, (_, index) => {
    const pixel = Math.floor(index / frequencies.length);
    // The product is taken modulo the size so that the angle stays exact.
    const turns = (pixel * at(frequencies, index % frequencies.length)) % size;
    return wave((2 * Math.PI * turns) / size);
  });
  return tf.tensor2d(table, [size, frequencies.length]);
}

/**
 * Returns the spectrum of a real tensor.
 *
 * @param x real values of any shape
 * @param axes transformed in this order: it is fastest to begin with one that keeps few frequencies
 */
export function fourierTransform(x: tf.Tensor, axes: readonly TransformedAxis[]): Spectrum {
  let real = x;
  let imaginary: tf.Tensor | undefined;
  for (const { axis, frequencies } of axes) {
    const size = at(x.shape, axis);
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
