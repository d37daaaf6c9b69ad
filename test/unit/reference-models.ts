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
  /** Of the weights' formula; 0.05 where it is not given. */
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

/** Sets every weight to the formula's value. */
export function setFormulaWeights(parameters: Parameters, amplitude = 0.05): void {
  for (const { name, shape } of parameters.specs) {
    const shift = crc32(name) % 1000;
    const values = parameters.values(name);
    for (let index = 0; index < values.length; index++) {
      const wave = amplitude * Math.sin(index * 0.37 + shift);
      if (name.endsWith("running_var")) values[index] = 1 + 2 * Math.abs(wave);
      else values[index] = shape.length === 1 && name.endsWith("weight") ? 1 + wave : wave;
    }
  }
}

/** The formula's input, given channels-first there, as `[batch, (z,) y, x, channel]`. */
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

/** The largest difference of the first values, relative to the tensor's spread, and of the means. */
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
