/** Otsu's threshold (Otsu 1979) maximizes the variance between the two classes of a histogram. */

const BINS = 256;

/**
 * Returns the threshold: the center of one of 256 bins over the values' range, like scikit-image. A constant image is its own
 * threshold.
 */
export function otsuThreshold(values: Float32Array): number {
  let [least, largest] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > largest) largest = value;
  }
  if (!(largest > least)) return least;
  const width = (largest - least) / BINS;
  const counts = new Float64Array(BINS);
  for (const value of values) {
    const bin = Math.min(Math.floor((value - least) / width), BINS - 1);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const center = (bin: number) => least + (bin + 0.5) * width;
  const total = counts.reduce((sum, count, bin) => sum + count * center(bin), 0);
  let [below, sumBelow, best, threshold] = [0, 0, -1, center(0)];
  for (let bin = 0; bin < BINS - 1; bin++) {
    below += counts[bin] ?? 0;
    sumBelow += (counts[bin] ?? 0) * center(bin);
    const above = values.length - below;
    if (below === 0 || above === 0) continue;
    const distance = sumBelow / below - (total - sumBelow) / above;
    const variance = below * above * distance ** 2;
    if (variance > best) [best, threshold] = [variance, center(bin)];
  }
  return threshold;
}
