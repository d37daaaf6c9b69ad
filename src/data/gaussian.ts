/**
 * Returns the weights of a Gaussian at the pixels from `-reach` to `reach`. Their sum is 1.
 *
 * @param sigma standard deviation in pixels; 0 puts all weight on the middle
 */
export function gaussian(sigma: number, reach: number): number[] {
  const raw = Array.from({ length: 2 * reach + 1 }, (_, index) => {
    const distance = index - reach;
    return distance === 0 ? 1 : Math.exp(-(distance ** 2) / (2 * sigma ** 2));
  });
  const total = raw.reduce((sum, each) => sum + each, 0);
  return raw.map((each) => each / total);
}
