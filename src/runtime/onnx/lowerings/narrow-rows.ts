/**
 * Arithmetic of rows of few values with one row or one column. onnxruntime starts anew for each row, which takes longer than the row of a few
 * dozen values itself.
 */
import { lastOf, product } from "../../../facts/checked-lists.ts";
import type { GraphBuilder, Value } from "../graph.ts";

/** Most values of a row that is widened, or that a column is spread over. */
const [MOST_WIDENED, MOST_SPREAD] = [128, 16];
/** Values of a row that is wide enough. */
const WIDE = 2048;
/** Fewer values take less time than further operators. */
const LEAST_VALUES = 2 ** 15;

/** A value and its sizes. */
export interface Sized {
  readonly value: Value;
  readonly sizes: readonly number[];
}

/**
 * Adds an operator of two operands, one of which has a single row or column. Rows are joined to longer ones, and a column is spread over the
 * rows by a product with ones. Returns undefined for others.
 */
export function onNarrowRows(
  graph: GraphBuilder,
  operator: string,
  operands: readonly Sized[],
): Value | undefined {
  const [count, columns] = [
    Math.max(...operands.map(({ sizes }) => product(sizes))),
    Math.max(...operands.map(({ sizes }) => sizes.at(-1) ?? 1)),
  ];
  const rows = count / columns;
  const isWhole = ({ sizes }: Sized) => product(sizes) === count;
  const few = operands.find((each) => !isWhole(each));
  if (
    graph.target !== "cpu" ||
    operands.length !== 2 ||
    few === undefined ||
    !operands.some(isWhole) ||
    count < LEAST_VALUES
  )
    return undefined;
  const isColumn = lastOf(few.sizes) === 1 && product(few.sizes) === rows;
  const shape = isColumn ? [rows, columns] : widened(rows, columns);
  const isRow = lastOf(few.sizes) === columns && product(few.sizes) === columns;
  if (shape === undefined || columns === 1 || !(isColumn ? columns <= MOST_SPREAD : isRow)) return undefined;
  const other = isColumn
    ? spread(graph, few.value, rows, columns)
    : repeated(graph, few.value, shape, columns);
  const values = operands.map((each) => (each === few ? other : graph.reshape(each.value, shape)));
  return graph.add(operator, values);
}

/** Returns the shape of rows joined to longer ones, or undefined where they are long enough or do not join. */
function widened(rows: number, columns: number): readonly number[] | undefined {
  let times = 1;
  while (times * columns < WIDE && rows % (2 * times) === 0) times *= 2;
  return columns <= MOST_WIDENED && times > 1 ? [rows / times, times * columns] : undefined;
}

function repeated(graph: GraphBuilder, row: Value, [, width = 1]: readonly number[], columns: number): Value {
  const all = graph.add("Expand", [
    graph.reshape(row, [1, columns]),
    graph.integers([width / columns, columns]),
  ]);
  return graph.reshape(all, [width]);
}

function spread(graph: GraphBuilder, column: Value, rows: number, columns: number): Value {
  const ones = graph.add("Expand", [graph.scalar(1), graph.integers([1, columns])]);
  return graph.add("MatMul", [graph.reshape(column, [rows, 1]), ones]);
}
