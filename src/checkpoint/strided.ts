/** Tensors that do not lie in row-major order in their file: transposed, sliced or expanded. */

/** Whether elements follow each other without gaps in row-major order; axes of one element may have any stride. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const length = shape[axis] ?? 1;
    if (length !== 1 && strides[axis] !== expected) return false;
    expected *= length;
  }
  return true;
}

/** Elements from a tensor's first to past its last: what must be read of its storage. */
export function spannedElements(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((span, length, axis) => span + (length - 1) * (strides[axis] ?? 0), 1);
}

/** Copies a tensor's elements of `elementBytes` each from its spanned bytes into row-major order. */
export function gather(
  span: Uint8Array,
  into: Uint8Array,
  elementBytes: number,
  shape: readonly number[],
  strides: readonly number[],
): void {
  const place = new Array<number>(shape.length).fill(0);
  let source = 0;
  for (let target = 0; target < into.byteLength; target += elementBytes) {
    const start = source * elementBytes;
    for (let byte = 0; byte < elementBytes; byte++) into[target + byte] = span[start + byte] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] ?? 0;
      const next = (place[axis] ?? 0) + 1;
      source += stride;
      place[axis] = next;
      if (next < (shape[axis] ?? 1)) break;
      source -= next * stride;
      place[axis] = 0;
    }
  }
}
