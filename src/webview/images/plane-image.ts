import { SAMPLE_ARRAYS, type SampleArray, type SampleType } from "../../facts/samples.ts";
import type { Plane } from "../../protocol/panel-messages.ts";

/** Values of a plane or of a downscaled version of it, `[y, x]`. */
export interface Raster {
  readonly height: number;
  readonly width: number;
  readonly values: SampleArray;
}

/** The range of values mapped to the colors. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Histogram of values: `counts[i]` of them lie in `[start + i * width, start + (i + 1) * width)`. */
export interface Histogram {
  readonly start: number;
  readonly width: number;
  readonly counts: Uint32Array;
}

/** Number of bins for floating-point values and wide ranges of whole numbers. */
const BINS = 4096;

/** Statistics sample at most this many values, evenly spaced. */
const MOST_VALUES = 4_000_000;

/** Planes with a side of at most this many pixels are not downscaled. */
const SMALLEST = 256;

/** A plane with its statistics and downscaled versions, each computed on first use. */
export class PlaneImage implements Raster {
  readonly height: number;
  readonly width: number;
  /** Pixels of the file per pixel of the plane, along y and x. */
  readonly step: number;
  readonly sampleType: SampleType;
  readonly values: SampleArray;
  private readonly halved: Raster[] = [];
  private statistics: { readonly range: Range; readonly histogram: Histogram } | undefined;

  constructor({ height, width, step, sampleType, values }: Plane) {
    this.height = height;
    this.width = width;
    this.step = step;
    this.sampleType = sampleType;
    this.values = new SAMPLE_ARRAYS[sampleType](values);
  }

  /** Returns the value at a pixel of the file. Undefined outside. */
  at(y: number, x: number): number | undefined {
    const [row, column] = [Math.floor(y / this.step), Math.floor(x / this.step)];
    if (row < 0 || column < 0 || row >= this.height || column >= this.width) return undefined;
    return this.values[row * this.width + column];
  }

  /** Smallest and largest finite value. */
  get range(): Range {
    return this.measured().range;
  }

  get histogram(): Histogram {
    return this.measured().histogram;
  }

  /** Returns the range without the lowest and highest `percent` of values. */
  percentiles(percent: number): Range {
    const { range, histogram } = this.measured();
    if (percent <= 0) return range;
    const { counts, start, width } = histogram;
    const total = counts.reduce((sum, count) => sum + count, 0);
    const cut = (total * percent) / 100;
    const low = firstBeyond(counts, cut);
    const high = counts.length - 1 - firstBeyond(counts.slice().reverse(), cut);
    if (high <= low) return range;
    // Whole numbers have one bin each, whose start is their value.
    const end = width === 1 ? start + high : start + (high + 1) * width;
    return { low: start + low * width, high: end };
  }

  /**
   * Returns the smallest version, halved by averaging, that has at least one pixel per screen pixel.
   *
   * @param scale screen pixels per pixel of the plane
   */
  version(scale: number): { readonly raster: Raster; readonly factor: number } {
    let raster: Raster = this;
    let factor = 1;
    for (let level = 0; scale * factor <= 0.5 && Math.min(raster.height, raster.width) > SMALLEST; level++) {
      const half: Raster = this.halved[level] ?? halve(raster);
      this.halved[level] = half;
      raster = half;
      factor *= 2;
    }
    return { raster, factor };
  }

  private measured(): { readonly range: Range; readonly histogram: Histogram } {
    this.statistics ??= measure(this.values, this.sampleType);
    return this.statistics;
  }
}

function firstBeyond(counts: Uint32Array, cut: number): number {
  let sum = 0;
  const found = counts.findIndex((count) => {
    sum += count;
    return sum > cut;
  });
  return Math.max(0, found);
}

function measure(values: SampleArray, sampleType: SampleType): { range: Range; histogram: Histogram } {
  const stride = Math.max(1, Math.floor(values.length / MOST_VALUES));
  if (values instanceof Uint8Array || values instanceof Uint16Array) return countEach(values, stride);
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < values.length; at += stride) {
    const value = values[at] ?? Number.NaN;
    if (value < low && value !== Number.NEGATIVE_INFINITY) low = value;
    if (value > high && value !== Number.POSITIVE_INFINITY) high = value;
  }
  if (low > high) [low, high] = [0, 0];
  const whole = !sampleType.startsWith("float") && high - low < 65536;
  const bins = whole ? high - low + 1 : BINS;
  const width = whole ? 1 : (high - low) / BINS || 1;
  const counts = new Uint32Array(bins);
  const factor = 1 / width;
  for (let at = 0; at < values.length; at += stride) {
    const bin = Math.floor(((values[at] ?? Number.NaN) - low) * factor);
    // NaN fails both comparisons.
    if (!(bin >= 0 && bin <= bins)) continue;
    const within = Math.min(bin, bins - 1);
    counts[within] = (counts[within] ?? 0) + 1;
  }
  return { range: { low, high }, histogram: { start: low, width, counts } };
}

/** Counts small whole numbers in one pass: one bin for each number. */
function countEach(values: Uint8Array | Uint16Array, stride: number): { range: Range; histogram: Histogram } {
  const counts = new Uint32Array(2 ** (8 * values.BYTES_PER_ELEMENT));
  for (let at = 0; at < values.length; at += stride) {
    const value = values[at] ?? 0;
    counts[value] = (counts[value] ?? 0) + 1;
  }
  const low = Math.max(0, counts.findIndex(Boolean));
  const high = Math.max(low, counts.findLastIndex(Boolean));
  return { range: { low, high }, histogram: { start: low, width: 1, counts: counts.slice(low, high + 1) } };
}

/** Halves a raster: each pixel is the mean of four. */
function halve({ height, width, values }: Raster): Raster {
  const [rows, columns] = [height >> 1, width >> 1];
  const half = new Float32Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    const above = 2 * y * width;
    const below = above + width;
    for (let x = 0; x < columns; x++) {
      const [a, b] = [above + 2 * x, below + 2 * x];
      const sum = (values[a] ?? 0) + (values[a + 1] ?? 0) + (values[b] ?? 0) + (values[b + 1] ?? 0);
      half[y * columns + x] = sum / 4;
    }
  }
  return { height: rows, width: columns, values: half };
}

/** Returns the difference `a - b`. Undefined if their sizes differ. */
export function difference(a: PlaneImage, b: PlaneImage): PlaneImage | undefined {
  if (a.height !== b.height || a.width !== b.width || a.step !== b.step) return undefined;
  const values = new Float32Array(a.values.length);
  for (let at = 0; at < values.length; at++) values[at] = (a.values[at] ?? 0) - (b.values[at] ?? 0);
  const { height, width, step } = a;
  return new PlaneImage({ height, width, step, sampleType: "float32", values: values.buffer });
}

/**
 * Returns where a segmentation differs from its ground truth: 1 for a false positive, 2 for a false negative, 0 elsewhere.
 * Undefined if their sizes differ.
 */
export function segmentationErrors(prediction: PlaneImage, truth: PlaneImage): PlaneImage | undefined {
  const { height, width, step } = prediction;
  if (height !== truth.height || width !== truth.width || step !== truth.step) return undefined;
  const values = new Uint8Array(prediction.values.length);
  for (let at = 0; at < values.length; at++) {
    const [found, right] = [prediction.values[at] !== 0, truth.values[at] !== 0];
    if (found !== right) values[at] = found ? 1 : 2;
  }
  return new PlaneImage({ height, width, step, sampleType: "uint8", values: values.buffer });
}
