/** Returns the strides of a row-major array, in elements. An axis without elements counts as one of one element, as in PyTorch. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const size of [...shape].reverse()) {
    strides.unshift(stride);
    stride *= Math.max(1, size);
  }
  return strides;
}
