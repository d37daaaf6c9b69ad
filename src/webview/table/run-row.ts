import { contextMenu } from "../context-menu.ts";
import { element } from "../dom.ts";
import { cellClass, cellText, type TableColumn, type TableRun, titleOf } from "./columns.ts";

export interface RowEvents {
  /** @param click `only` replaces the selection by this row; `range` selects all rows up to this one */
  clicked(click: { readonly only: boolean; readonly range: boolean }): void;
  open(): void;
  star(starred: boolean): void;
  /** Returns the entries of the row's menu. */
  menu(): readonly { readonly label: string; run(): void }[];
}

/** A row's place and selection. */
export interface RowState {
  /** 0-based among the filtered rows. */
  readonly index: number;
  readonly selected: boolean;
}

/** The row of a run, with a box that selects it. */
export function runRow(
  run: TableRun,
  columns: readonly TableColumn[],
  { index, selected }: RowState,
  events: RowEvents,
): HTMLElement {
  const { id, status } = run.summary;
  const box = element("input", { type: "checkbox", tabindex: "-1", "aria-label": `Select ${titleOf(run)}` });
  const cells = columns.map((column) => {
    const className = cellClass(column);
    if (column.id === "star") return element("td", { class: className, role: "cell" }, star(run, events));
    const text = cellText(column, run);
    const cell = element("td", { class: className, role: "cell", title: text }, text);
    if (column.id === "status") cell.dataset.status = status;
    return cell;
  });
  const row = element(
    "tr",
    {
      role: "row",
      "aria-rowindex": String(index + 2),
      "data-run": id,
    },
    element("td", { class: "select", role: "cell" }, box),
    ...cells,
  );
  markSelected(row, selected);
  row.addEventListener("click", (event) => {
    const only = !(event.ctrlKey || event.metaKey || event.target === box);
    events.clicked({ only, range: event.shiftKey });
  });
  row.addEventListener("dblclick", () => events.open());
  contextMenu(row, () => events.menu());
  return row;
}

/** Shows whether a row is selected. The row stays in its place: a click on a row that is replaced meanwhile would be lost. */
export function markSelected(row: HTMLElement, selected: boolean): void {
  row.setAttribute("aria-selected", String(selected));
  const box = row.querySelector<HTMLInputElement>("td.select input");
  if (box !== null) box.checked = selected;
}

function star(run: TableRun, events: RowEvents): HTMLElement {
  const starred = run.details?.notes.starred ?? false;
  const made = element(
    "button",
    {
      type: "button",
      class: "star",
      tabindex: "-1",
      "aria-pressed": String(starred),
      "aria-label": `Star ${titleOf(run)}`,
    },
    starred ? "★" : "☆",
  );
  made.addEventListener("click", (event) => {
    event.stopPropagation();
    events.star(!starred);
  });
  return made;
}
