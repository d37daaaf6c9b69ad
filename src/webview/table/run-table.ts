import {
  createTable,
  getCoreRowModel,
  getFilteredRowModel,
  getSortedRowModel,
  type Row,
  type Table,
  type TableState,
} from "@tanstack/table-core";
import { at } from "../../facts/checked-lists.ts";
import { element, oncePerFrame, sparingly } from "../dom.ts";
import { columnWidths } from "./column-widths.ts";
import { cellClass, cellText, columnsOf, definitionOf, type TableColumn, type TableRun } from "./columns.ts";
import { headCell } from "./head-cell.ts";
import { markSelected, runRow } from "./run-row.ts";
import { TableBody } from "./table-body.ts";

export interface TableEvents {
  open(run: string): void;
  star(run: string, starred: boolean): void;
  /** The selection changed. */
  selected(runs: readonly string[]): void;
  menu(run: string): readonly { readonly label: string; run(): void }[];
  rename(run: string): void;
  remove(runs: readonly string[]): void;
  /** Sorting, filter, selection, columns or their order changed. */
  changed(settings: TableSettings): void;
  /** The table was scrolled. */
  scrolled(settings: TableSettings): void;
}

/** State that the page saves. */
export interface TableSettings {
  readonly sorting?: TableState["sorting"];
  readonly hidden?: readonly string[];
  readonly order?: readonly string[];
  readonly filter?: string;
  /** Selected runs. */
  readonly selected?: readonly string[];
  /** How far the table is scrolled, in CSS pixels. */
  readonly scroll?: number;
}

/** Shortest pause between two scroll positions that are stored. */
const STORE_MS = 300;

/** Width of the column of check boxes, in CSS pixels. */
const SELECT = 32;

/** The table: its columns, sorting, filter and selection. */
export class RunTable {
  readonly element: HTMLElement;
  private readonly head = element("thead", { role: "rowgroup" });
  private readonly all = element("input", { type: "checkbox", "aria-label": "Select all runs" });
  private readonly body: TableBody;
  // Its roles are named because its style makes it a grid, not a table.
  private readonly table = element(
    "table",
    { class: "runs", role: "table", "aria-label": "Runs" },
    this.head,
  );
  private readonly model: Table<TableRun>;
  private state: TableState;
  private allColumns: readonly TableColumn[] = [];
  /** Widths by column, in CSS pixels. */
  private columnWidths: ReadonlyMap<string, number> = new Map();
  private readonly chosen: Set<string>;
  /** The run whose row has the keyboard focus. */
  private current: string | undefined;
  /** Where to scroll when there are rows. */
  private wantedScroll: number;
  private readonly redraw = oncePerFrame(() => this.draw());

  constructor(
    settings: TableSettings,
    private readonly events: TableEvents,
  ) {
    this.element = element("div", { class: "table-view", tabindex: "-1" }, this.table);
    this.body = new TableBody(this.element, this.head);
    this.table.append(this.body.element);
    this.chosen = new Set(settings.selected);
    this.wantedScroll = settings.scroll ?? 0;
    this.model = this.newModel();
    this.state = {
      ...this.model.initialState,
      sorting: settings.sorting ?? [{ id: "started", desc: true }],
      columnVisibility: Object.fromEntries((settings.hidden ?? []).map((id) => [id, false])),
      columnOrder: [...(settings.order ?? [])],
      globalFilter: settings.filter ?? "",
    };
    this.model.setOptions((options) => ({ ...options, state: this.state }));
    this.all.addEventListener("change", () => {
      this.chosen.clear();
      if (this.all.checked) for (const { id } of this.rows) this.chosen.add(id);
      this.selectionChanged();
    });
    this.element.addEventListener("scroll", this.redraw);
    this.element.addEventListener(
      "scroll",
      sparingly(STORE_MS, () => this.events.scrolled(this.settings)),
    );
    this.element.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(this.redraw).observe(this.element);
  }

  private newModel(): Table<TableRun> {
    return createTable<TableRun>({
      data: [],
      columns: [],
      state: {},
      onStateChange: (change) => {
        this.state = typeof change === "function" ? change(this.state) : change;
        this.model.setOptions((options) => ({ ...options, state: this.state }));
        this.body.forget();
        this.selectionChanged();
      },
      renderFallbackValue: null,
      autoResetAll: false,
      getRowId: ({ summary }) => summary.id,
      getCoreRowModel: getCoreRowModel(),
      getSortedRowModel: getSortedRowModel(),
      getFilteredRowModel: getFilteredRowModel(),
      globalFilterFn: (row, _column, filter: string) => this.matches(row.original, filter),
      getColumnCanGlobalFilter: () => true,
    });
  }

  show(runs: readonly TableRun[], defaults: Readonly<Record<string, string>>): void {
    this.allColumns = columnsOf(runs, defaults);
    this.columnWidths = columnWidths(this.allColumns, runs, this.table);
    const columns = this.allColumns.map(definitionOf);
    this.model.setOptions((options) => ({ ...options, data: [...runs], columns }));
    const known = new Set(runs.map(({ summary }) => summary.id));
    for (const id of [...this.chosen]) if (!known.has(id)) this.chosen.delete(id);
    this.tellSelection();
    this.body.forget();
    this.draw();
    if (this.wantedScroll === 0 || runs.length === 0) return;
    this.element.scrollTop = this.wantedScroll;
    this.wantedScroll = 0;
    this.draw();
  }

  filter(text: string): void {
    this.model.setGlobalFilter(text.trim());
  }

  get columns(): readonly TableColumn[] {
    return this.allColumns;
  }

  isVisible(id: string): boolean {
    return this.state.columnVisibility[id] ?? true;
  }

  setVisible(id: string, visible: boolean): void {
    this.model.setColumnVisibility((before) => ({ ...before, [id]: visible }));
  }

  /** Moves a column by one place among the visible ones. */
  move(id: string, by: number): void {
    const order = this.visibleColumns.map((column) => column.id);
    const at = order.indexOf(id);
    const to = Math.min(order.length - 1, Math.max(0, at + by));
    if (at < 0) return;
    order.splice(to, 0, ...order.splice(at, 1));
    this.model.setColumnOrder(order);
  }

  /** Visible columns in their order. */
  get visibleColumns(): readonly TableColumn[] {
    const ids = this.model.getVisibleLeafColumns().map(({ id }) => id);
    return ids.flatMap((id) => this.allColumns.find((column) => column.id === id) ?? []);
  }

  /** Filtered rows in their order. */
  get shownRuns(): readonly TableRun[] {
    return this.rows.map(({ original }) => original);
  }

  private get rows(): readonly Row<TableRun>[] {
    return this.model.getRowModel().rows;
  }

  private matches(run: TableRun, filter: string): boolean {
    const text = this.visibleColumns
      .map((column) => cellText(column, run))
      .join(" ")
      .toLowerCase();
    return filter
      .toLowerCase()
      .split(/\s+/)
      .every((word) => text.includes(word));
  }

  private draw(): void {
    const columns = this.visibleColumns;
    const { rows } = this;
    this.drawWidths(columns);
    this.drawHead(columns);
    this.body.show(
      rows.map(({ id }) => id),
      this.current,
      (index) => this.row(at(rows, index).original, columns, index),
    );
    this.table.setAttribute("aria-rowcount", String(rows.length + 1));
  }

  private drawWidths(columns: readonly TableColumn[]): void {
    const { style } = this.table;
    const widthOf = ({ id }: TableColumn) => this.columnWidths.get(id) ?? 0;
    style.setProperty("--columns", [SELECT, ...columns.map(widthOf)].map((width) => `${width}px`).join(" "));
    let end = SELECT;
    for (const column of columns.filter(({ stays }) => stays)) {
      style.setProperty(`--${column.id}-start`, `${end}px`);
      end += widthOf(column);
    }
  }

  private drawHead(columns: readonly TableColumn[]): void {
    this.all.checked = this.rows.length > 0 && this.selected.length === this.rows.length;
    const key = JSON.stringify([columns.map((column) => [column.id, cellClass(column)]), this.state.sorting]);
    if (this.head.dataset.shown === key) return;
    this.head.dataset.shown = key;
    const focused = document.activeElement;
    const cells = columns.map((column) => {
      const sorted = this.state.sorting.find(({ id }) => id === column.id);
      return headCell(column, sorted, {
        toggle: (add) => this.model.getColumn(column.id)?.toggleSorting(undefined, add),
        sort: (desc) => this.model.setSorting([{ id: column.id, desc }]),
        move: (by) => this.move(column.id, by),
        hide: () => this.setVisible(column.id, false),
      });
    });
    const select = element("th", { class: "select", role: "columnheader" }, this.all);
    const wasFocused = focused instanceof HTMLElement && this.head.contains(focused);
    this.head.replaceChildren(element("tr", { role: "row" }, select, ...cells));
    if (!wasFocused) return;
    const again = cells.map((cell) => cell.querySelector<HTMLElement>(".sort"));
    const column = again.find((each) => each?.dataset.column === focused.dataset.column);
    (column ?? focused).focus({ preventScroll: true });
  }

  private row(run: TableRun, columns: readonly TableColumn[], index: number): HTMLElement {
    const { id } = run.summary;
    return runRow(
      run,
      columns,
      { index, selected: this.chosen.has(id) },
      {
        clicked: ({ only, range }) => {
          this.current = id;
          if (range) this.selectTo(index);
          else this.select(id, only);
        },
        open: () => this.events.open(id),
        star: (starred) => this.events.star(id, starred),
        menu: () => {
          this.current = id;
          if (!this.chosen.has(id)) this.select(id, true);
          return this.events.menu(id);
        },
      },
    );
  }

  private select(id: string, only: boolean): void {
    const was = this.chosen.has(id);
    if (only) this.chosen.clear();
    if (was && !only) this.chosen.delete(id);
    else this.chosen.add(id);
    this.selectionChanged();
  }

  /** Selects all rows from the last selected one to this one. */
  private selectTo(index: number): void {
    const last = [...this.chosen].at(-1);
    const from = Math.max(
      0,
      this.rows.findIndex(({ id }) => id === last),
    );
    for (const { id } of this.rows.slice(Math.min(from, index), Math.max(from, index) + 1))
      this.chosen.add(id);
    this.selectionChanged();
  }

  private tellSelection(): void {
    this.events.selected(this.selected);
  }

  /** The selected runs in the order of their rows, without those that the filter hides. */
  private get selected(): readonly string[] {
    return this.rows.map(({ id }) => id).filter((id) => this.chosen.has(id));
  }

  private selectionChanged(): void {
    this.tellSelection();
    this.keep();
    this.body.update((id, row) => markSelected(row, this.chosen.has(id)));
    this.redraw();
  }

  private key(event: KeyboardEvent): void {
    const { rows } = this;
    if (!this.body.hasFocus) return;
    const at = Math.max(
      0,
      rows.findIndex(({ id }) => id === this.current),
    );
    const run = rows[at]?.id;
    if (run === undefined) return;
    const page = this.body.pageSize;
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: rows.length - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) this.goTo(Math.min(rows.length - 1, Math.max(0, to)));
    else if (event.key === " ") this.select(run, false);
    else if (event.key === "Enter") this.events.open(run);
    else if (event.key === "F2") this.events.rename(run);
    else if (event.key === "Delete") this.events.remove(this.selected.length > 0 ? this.selected : [run]);
    else return;
    event.preventDefault();
  }

  private goTo(index: number): void {
    this.current = this.rows[index]?.id;
    this.body.scrollTo(index);
    this.draw();
    this.body.focus();
  }

  private keep(): void {
    this.events.changed(this.settings);
  }

  private get settings(): TableSettings {
    const { sorting, columnVisibility, columnOrder, globalFilter } = this.state;
    return {
      sorting,
      hidden: Object.keys(columnVisibility).filter((id) => !columnVisibility[id]),
      order: columnOrder,
      filter: String(globalFilter ?? ""),
      selected: [...this.chosen],
      scroll: this.wantedScroll === 0 ? this.element.scrollTop : this.wantedScroll,
    };
  }
}
