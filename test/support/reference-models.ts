/** Weights and inputs by the formula that test/fixtures/models/*.json name, and their recorded outputs. */
import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { Parameters } from "../../src/runtime/parameters.ts";

export interface TensorSummary {
  readonly shape: readonly number[];
  readonly first64: readonly number[];
  readonly mean: number;
  /** null for a scalar. */
  readonly std: number | null;
  readonly sum: number;
  readonly abs_sum: number;
}

export interface ReferenceModel {
  readonly ndim: 2 | 3;
  readonly input_patch_size: readonly number[];
  readonly input_shape: readonly number[];
  /** Amplitude of the weights' formula. Defaults to 0.05. */
  readonly amplitude?: number;
  readonly build_args: Readonly<Record<string, number | string | boolean>>;
  readonly effective_MODEL_cfg: Readonly<Record<string, unknown>>;
  readonly params_total: number;
  readonly params_trainable: number;
  readonly state_dict: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly dtype: string }>
  >;
  readonly output: Readonly<Record<string, TensorSummary>>;
  readonly mask?: readonly number[];
  /** BiaPy's 3D grid sorts equal values with an unstable sort: the order that PyTorch gave. */
  readonly ids_keep?: readonly number[];
  readonly ids_restore?: readonly number[];
}

export function referenceModel(name: string): ReferenceModel {
  return JSON.parse(readFileSync(new URL(`../fixtures/models/${name}.json`, import.meta.url), "utf8"));
}

/** Step of the formula's sine. Sines of sums of angles are ten times faster than a sine for each index. */
const ANGLE = 0.37;
const BLOCK = 4096;
const SINES = Float64Array.from({ length: BLOCK }, (_, index) => Math.sin(index * ANGLE));
const COSINES = Float64Array.from({ length: BLOCK }, (_, index) => Math.cos(index * ANGLE));

/** Sets every weight to the formula's value. */
export function setFormulaWeights(parameters: Parameters, amplitude = 0.05): void {
  for (const { name, shape } of parameters.specs) {
    const shift = crc32(name) % 1000;
    const values = parameters.values(name);
    const [isVariance, isScale] = [
      name.endsWith("running_var"),
      shape.length === 1 && name.endsWith("weight"),
    ];
    for (let start = 0; start < values.length; start += BLOCK) {
      const [sine, cosine] = [Math.sin(start * ANGLE + shift), Math.cos(start * ANGLE + shift)];
      const count = Math.min(BLOCK, values.length - start);
      for (let at = 0; at < count; at++) {
        const wave = amplitude * (sine * COSINES[at] + cosine * SINES[at]);
        if (isVariance) values[start + at] = 1 + 2 * Math.abs(wave);
        else values[start + at] = isScale ? 1 + wave : wave;
      }
    }
  }
}

/** Returns the formula's input, which counts channels first, as `[batch, (z,) y, x, channel]`. */
export function formulaInput(shape: readonly number[]): Float32Array {
  const [batch, channels, ...spatial] = shape;
  const pixels = spatial.reduce((product, size) => product * size, 1);
  const values = new Float32Array(batch * channels * pixels);
  for (let index = 0; index < values.length; index++) {
    const pixel = index % pixels;
    const channel = Math.floor(index / pixels) % channels;
    const sample = Math.floor(index / pixels / channels);
    values[(sample * pixels + pixel) * channels + channel] =
      0.5 * Math.sin(index * 0.05) + 0.25 * Math.cos(index * 0.013);
  }
  return values;
}

/** Returns the largest of the differences of the first values and the mean, relative to the spread, and of the sum of magnitudes. */
export function relativeDifference(actual: Float32Array, expected: TensorSummary): number {
  const scale = expected.std !== null && expected.std > 0 ? expected.std : Math.abs(expected.mean);
  const mean = actual.reduce((sum, value) => sum + value, 0) / actual.length;
  const magnitude = actual.reduce((sum, value) => sum + Math.abs(value), 0);
  const differences = expected.first64.map((value, index) => Math.abs(actual[index] - value) / scale);
  return Math.max(
    ...differences,
    Math.abs(mean - expected.mean) / scale,
    Math.abs(magnitude - expected.abs_sum) / expected.abs_sum,
  );
}

/** Returns numbers in [-1, 1) without a pattern, by the script's formula. */
export function scattered(count: number, seed: number): Float64Array {
  return Float64Array.from({ length: count }, (_, at) => {
    const wave = Math.sin(at * 12.9898 + seed) * 43758.5453;
    return 2 * (wave - Math.floor(wave)) - 1;
  });
}

/** Sets weights without a pattern, scaled by their fan-in. */
export function scatterWeights(parameters: Parameters): void {
  for (const { name, shape } of parameters.specs) {
    const values = parameters.values(name);
    const scale = Math.sqrt((3 * (shape[0] ?? 1)) / values.length);
    scattered(values.length, crc32(name) % 1000).forEach((value, at) => {
      if (name.endsWith("num_batches_tracked")) values[at] = 0;
      else if (name.endsWith("running_var")) values[at] = 1.5 + value / 2;
      else if (shape.length > 1) values[at] = value * scale;
      else values[at] = name.endsWith("weight") ? 1 + value / 4 : value / 4;
    });
  }
}

/** Reorders channels-first values to `[batch, (z,) y, x, channel]`. */
export function channelsLast(
  values: ArrayLike<number>,
  [batch, channels, ...space]: readonly number[],
): Float32Array {
  const pixels = space.reduce((product, size) => product * size, 1);
  const result = new Float32Array(batch * channels * pixels);
  for (let at = 0; at < result.length; at++) {
    const [pixel, plane] = [at % pixels, Math.floor(at / pixels)];
    const [channel, sample] = [plane % channels, Math.floor(plane / channels)];
    result[(sample * pixels + pixel) * channels + channel] = values[at];
  }
  return result;
}

/** Values `[batch, (z,) y, x, channel]` channels-first, as PyTorch has them. The shape is the channels-first one. */
export function channelsFirst(
  values: ArrayLike<number>,
  [, channels, ...space]: readonly number[],
): Float32Array {
  const pixels = space.reduce((product, size) => product * size, 1);
  return Float32Array.from({ length: values.length }, (_, at) => {
    const [pixel, plane] = [at % pixels, Math.floor(at / pixels)];
    const [channel, sample] = [plane % channels, Math.floor(plane / channels)];
    return values[(sample * pixels + pixel) * channels + channel];
  });
}
