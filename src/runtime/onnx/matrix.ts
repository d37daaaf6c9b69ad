/** Matrices of numbers that are known when a graph is traced. */

/** A matrix whose rows follow one another. */
export interface Matrix {
  readonly shape: readonly [rows: number, columns: number];
  readonly values: Float32Array;
}

/** Returns the matrix of these values. */
export function matrixOf(
  rows: number,
  columns: number,
  value: (row: number, column: number) => number,
): Matrix {
  const values = Float32Array.from({ length: rows * columns }, (_, place) =>
    value(Math.floor(place / columns), place % columns),
  );
  return { shape: [rows, columns], values };
}
