/**
 * Copies of flattened images, each shifted against the others. Both images of a gradient lie on a common grid with zeros between their lines, so
 * that a value of the kernel is a shift of one against the other.
 */
import type { GraphBuilder, Value } from "../graph.ts";

/** Lines of images on the flat grid. */
export interface FlatLines {
  /** `[stack, channel, pixel]` */
  readonly value: Value;
  readonly stack: number;
  readonly channels: number;
  readonly pixels: number;
  /** Number of zeros before it, which it does not hold. */
  readonly before: number;
}

/** Returns all shifts of each channel, with zeros before and after: `[stack, channel · shift, pixel]`, of `length` pixels. */
export function shiftedCopies(
  graph: GraphBuilder,
  { value, stack, channels, pixels, before }: FlatLines,
  shifts: readonly number[],
  length: number,
): Value {
  const gap = (size: number) => (size === 0 ? [] : [graph.zeros([stack, channels, size])]);
  const parts = shifts.flatMap((shift) => [
    ...gap(before + shift),
    value,
    ...gap(length - pixels - before - shift),
  ]);
  return graph.reshape(graph.concat(parts, 2), [stack, channels * shifts.length, length]);
}

/**
 * Returns how far `x` is shifted for each column of a kernel, and `dy` for each row. `dy` shifted by s and `x` shifted by t pair each pixel with
 * the one s - t further on.
 *
 * @param columns distances of the kernel's columns from its first, on the flat grid
 * @param rows distances of its rows
 * @param origin distance of the image's first pixel from that of the border
 */
export function shiftsOf(columns: readonly number[], rows: readonly number[], origin: number) {
  const extra = Math.max(0, Math.max(...columns) - origin);
  return {
    columnShifts: columns.map((shift) => origin - shift + extra),
    rowShifts: rows.map((shift) => shift + extra),
  };
}
