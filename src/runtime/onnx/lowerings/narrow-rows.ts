/**
 * Arithmetic of rows of few values with one row or one column. onnxruntime treats each row separately, and to begin one takes longer
 * than to compute its few dozen values.
 */
import { lastOf, product } from "../../../facts/checked-lists.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { sameSizes } from "../layout.ts";

/** Most values of a row that is widened, or that a column is spread over. */
const [MOST_WIDENED, MOST_SPREAD] = [128, 16];
/** Values of a row that is wide enough. */
const WIDE = 2048;
/** Fewer values take less time than further operators. */
const LEAST_VALUES = 2 ** 17;

/** A value and its sizes. */
export interface Sized {
  readonly value: Value;
  readonly sizes: readonly number[];
}

/**
 * Adds an operator of two operands, one of which has a single row, or one for each image, or a single column or number. Rows are joined to longer ones,
 * and a column is spread over the rows by a product with ones. Returns undefined for others.
 */
export function onNarrowRows(
  graph: GraphBuilder,
  operator: string,
  operands: readonly Sized[],
): Value | undefined {
  const whole = operands.reduce((largest, each) =>
    product(each.sizes) > product(largest.sizes) ? each : largest,
  );
  const others = operands.filter((each) => each !== whole);
  const [few] = others;
  if (graph.target !== "cpu" || few === undefined || others.length > 1) return undefined;
  const narrow =
    product(whole.sizes) < LEAST_VALUES
      ? undefined
      : (numberOf(graph, few, whole.sizes) ??
        rowOf(graph, few, whole.sizes) ??
        columnOf(graph, few, whole.sizes));
  if (narrow === undefined) return undefined;
  const values = operands.map((each) =>
    each === few ? narrow.value : graph.reshape(each.value, narrow.shape),
  );
  return graph.add(operator, values);
}

/** An operand, and the shape of the other one that it fits. */
interface Fitted {
  readonly value: Value;
  readonly shape: readonly number[];
}

/** Returns a number for a column, which is joined to one row. */
function numberOf(
  graph: GraphBuilder,
  { value, sizes }: Sized,
  whole: readonly number[],
): Fitted | undefined {
  if (product(sizes) !== 1 || lastOf(whole) !== 1) return undefined;
  return { value: graph.reshape(value, [1]), shape: [product(whole)] };
}

/** Returns one row, or one for each image, as often as a joined row holds it. */
function rowOf(graph: GraphBuilder, { value, sizes }: Sized, whole: readonly number[]): Fitted | undefined {
  const columns = lastOf(whole);
  const before = sizes.slice(0, -1);
  const images = product(before);
  // Sizes of the images, then ones.
  const isPerImage = before.every((size, axis) => size === whole[axis] || product(before.slice(axis)) === 1);
  const rows = product(whole) / columns / images;
  let times = 1;
  while (times * columns < WIDE && rows % (2 * times) === 0) times *= 2;
  const isNarrow = columns > 1 && columns <= MOST_WIDENED && times > 1;
  if (lastOf(sizes) !== columns || !isPerImage || !isNarrow) return undefined;
  const row = graph.reshape(value, [images, 1, columns]);
  const all = graph.add("Expand", [row, graph.integers([images, times, columns])]);
  return {
    value: graph.reshape(all, [images, 1, times * columns]),
    shape: [images, rows / times, times * columns],
  };
}

/** Returns a column spread over all columns. */
function columnOf(
  graph: GraphBuilder,
  { value, sizes }: Sized,
  whole: readonly number[],
): Fitted | undefined {
  const columns = lastOf(whole);
  const rows = product(whole) / columns;
  if (!sameSizes(sizes, whole.with(-1, 1)) || columns > MOST_SPREAD || columns === 1) return undefined;
  const ones = graph.add("Expand", [graph.scalar(1), graph.integers([1, columns])]);
  return { value: graph.add("MatMul", [graph.reshape(value, [rows, 1]), ones]), shape: [rows, columns] };
}
