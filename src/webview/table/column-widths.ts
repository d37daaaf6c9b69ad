/** Widths of the table's columns. They do not depend on the rows in the page, so columns stay where they are while it scrolls. */
import { cellText, type TableColumn, type TableRun } from "./columns.ts";

/** Widest column, in CSS pixels. Longer texts end in an ellipsis. */
const MOST = 280;
/** Padding on both sides of a cell, in CSS pixels; `table.css` has it too. */
const PADDING = 20;
/** Texts measured in each column: those with the most characters. */
const MEASURED = 5;
/** Digits of equal width can be wider than those that the canvas measures. */
const MARGIN = 1.05;

const context = document.createElement("canvas").getContext("2d");

/**
 * Returns a width for each column, in CSS pixels.
 *
 * @param like an element in the font of the table
 */
export function columnWidths(
  columns: readonly TableColumn[],
  runs: readonly TableRun[],
  like: HTMLElement,
): ReadonlyMap<string, number> {
  const { fontSize, fontFamily } = getComputedStyle(like);
  const widthOf = (text: string, weight: number): number => {
    if (context === null) return text.length * 7;
    context.font = `${weight} ${fontSize} ${fontFamily}`;
    return context.measureText(text).width;
  };
  return new Map(
    columns.map((column) => {
      const texts = longest(runs.map((run) => cellText(column, run)));
      // A sorted column has an arrow in its heading.
      const title = widthOf(`${column.title} ▾`, 600);
      const widest = Math.max(title, ...texts.map((text) => widthOf(text, 400)));
      return [column.id, Math.min(MOST, Math.ceil(widest * MARGIN) + PADDING)];
    }),
  );
}

/** Returns some of the texts with the most characters. */
function longest(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort((one, other) => other.length - one.length).slice(0, MEASURED);
}
