import { contextMenu } from "../context-menu.ts";
import { element, setText } from "../dom.ts";
import { cellClass, type TableColumn } from "./columns.ts";

export interface HeadEvents {
  /** Sorts by the column, or in the other direction. @param add whether the other sorted columns stay */
  toggle(add: boolean): void;
  sort(descending: boolean): void;
  /** Moves the column by a number of places. */
  move(by: number): void;
  hide(): void;
}

/**
 * The head of a column: sorts by it when clicked, and offers the rest in a menu.
 *
 * @param sorted the direction, if the table is sorted by this column
 */
export function headCell(
  column: TableColumn,
  sorted: { readonly desc: boolean } | undefined,
  events: HeadEvents,
): HTMLElement {
  const { arrow, order } = directionOf(sorted);
  const button = element("button", {
    type: "button",
    class: "sort",
    title: `Sort by ${column.spoken ?? column.title}`,
    "data-column": column.id,
    ...(column.spoken === undefined ? {} : { "aria-label": column.spoken }),
  });
  setText(button, `${column.title}${arrow}`);
  button.addEventListener("click", (event) => events.toggle(event.shiftKey));
  const cell = element("th", { role: "columnheader", "aria-sort": order, class: cellClass(column) }, button);
  contextMenu(cell, () => [
    { label: "Sort Ascending", run: () => events.sort(false) },
    { label: "Sort Descending", run: () => events.sort(true) },
    { label: "Move Left", run: () => events.move(-1) },
    { label: "Move Right", run: () => events.move(1) },
    { label: "Hide Column", run: () => events.hide() },
  ]);
  return cell;
}

function directionOf(sorted: { readonly desc: boolean } | undefined) {
  if (sorted === undefined) return { arrow: "", order: "none" };
  return sorted.desc ? { arrow: " ▾", order: "descending" } : { arrow: " ▴", order: "ascending" };
}
