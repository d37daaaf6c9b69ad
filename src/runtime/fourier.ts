/** The discrete Fourier transform of real images, as products with matrices: no runtime here has an operator for it with a gradient. */
import { alongAxis } from "./operators.ts";
import { tf } from "./tensor.ts";

export interface Spectrum {
  readonly real: tf.Tensor;
  readonly imaginary: tf.Tensor;
}

/** A wave's value at each place for each of the first `frequencies` frequencies, `[place, frequency]`. */
function waves(size: number, frequencies: number, wave: (angle: number) => number): tf.Tensor {
  const table = Float32Array.from({ length: size * frequencies }, (_, at) => {
    // The product is taken modulo the size so that the angle stays exact.
    const turns = (Math.floor(at / frequencies) * (at % frequencies)) % size;
    return wave((2 * Math.PI * turns) / size);
  });
  return tf.tensor2d(table, [size, frequencies]);
}

/**
 * @param x real values
 * @param axes the axes that are transformed
 * @param half keep only the frequencies 0 to size / 2 along the last of `axes`: the others mirror them
 */
export function fourierTransform(x: tf.Tensor, axes: readonly number[], half = false): Spectrum {
  let real = x;
  let imaginary: tf.Tensor | undefined;
  for (const [index, axis] of axes.entries()) {
    const size = x.shape[axis];
    const frequencies = half && index === axes.length - 1 ? Math.floor(size / 2) + 1 : size;
    const [cosines, sines] = [Math.cos, Math.sin].map((wave) => waves(size, frequencies, wave));
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
