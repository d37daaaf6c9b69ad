/** Tensors that are not stored in row-major order: transposed, sliced or expanded. */

/** Whether elements are stored in row-major order without gaps. An axis of one element may have any stride. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const length = shape[axis] ?? 1;
    if (length !== 1 && strides[axis] !== expected) return false;
    expected *= length;
  }
  return true;
}

/** Returns the number of elements from a tensor's first to its last: the part of its storage to read. */
export function spannedElements(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((span, length, axis) => span + (length - 1) * (strides[axis] ?? 0), 1);
}

/**
 * Copies a tensor's elements into row-major order.
 *
 * @param span bytes of the storage, from the tensor's first element on
 */
export function gather(
  span: Uint8Array,
  into: Uint8Array,
  elementBytes: number,
  shape: readonly number[],
  strides: readonly number[],
): void {
  const index = new Array<number>(shape.length).fill(0);
  let source = 0;
  for (let target = 0; target < into.byteLength; target += elementBytes) {
    const start = source * elementBytes;
    for (let byte = 0; byte < elementBytes; byte++) into[target + byte] = span[start + byte] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] ?? 0;
      const next = (index[axis] ?? 0) + 1;
      source += stride;
      index[axis] = next;
      if (next < (shape[axis] ?? 1)) break;
      source -= next * stride;
      index[axis] = 0;
    }
  }
}
