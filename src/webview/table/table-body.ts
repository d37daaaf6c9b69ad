import { element } from "../dom.ts";

/** Height of a row, in CSS pixels; `table.css` has it too. */
const ROW = 28;
/** Rows drawn beyond the visible ones. */
const OVERSCAN = 8;
/** Rows are added and removed in groups of this size, so that most frames of a scroll change nothing. */
const GROUP = 8;

/**
 * The rows of a long table: only the visible ones are in the page. Each has its place, so that a row that comes or goes moves no other
 * one.
 */
export class TableBody {
  readonly element = element("tbody", { role: "rowgroup" });
  /** The rows in the page, by their ids. */
  private readonly drawn = new Map<string, HTMLElement>();
  /** Rows that may have changed since they were drawn. */
  private readonly stale = new Set<string>();
  /** The rows in the page and the row with the keyboard focus, as text. */
  private shown = "";

  /**
   * @param scroller the element that scrolls the table
   * @param head the table's head, which covers the top of `scroller`
   */
  constructor(
    private readonly scroller: HTMLElement,
    private readonly head: HTMLElement,
  ) {}

  /** Has all rows made again, because their content may have changed. */
  forget(): void {
    for (const id of this.drawn.keys()) this.stale.add(id);
    this.shown = "";
  }

  /** Changes all drawn rows in place. */
  update(change: (id: string, row: HTMLElement) => void): void {
    for (const [id, row] of this.drawn) change(id, row);
  }

  /**
   * Draws the visible rows.
   *
   * @param ids all rows in order
   * @param current the row that takes the keyboard focus. Default: the first
   * @param row makes the row at an index
   */
  show(ids: readonly string[], current: string | undefined, row: (index: number) => HTMLElement): void {
    const { scrollTop, clientHeight } = this.scroller;
    const firstVisible = Math.floor((scrollTop - this.head.offsetHeight) / ROW);
    const lastVisible = Math.ceil((scrollTop + clientHeight) / ROW);
    const first = Math.max(0, Math.floor((firstVisible - OVERSCAN) / GROUP) * GROUP);
    const last = Math.min(ids.length, Math.ceil((lastVisible + OVERSCAN) / GROUP) * GROUP);
    const focusable = current ?? ids[0];
    const shown = JSON.stringify([first, ids.length, focusable, ids.slice(first, last)]);
    if (shown === this.shown) return;
    this.shown = shown;
    const wanted = ids.slice(first, last).map((id, offset) => {
      const made = this.rowOf(id, first + offset, row);
      const tabIndex = focusable === id ? 0 : -1;
      if (made.tabIndex !== tabIndex) made.tabIndex = tabIndex;
      return made;
    });
    const kept = new Set(wanted);
    for (const [id, made] of this.drawn) if (!kept.has(made)) this.drawn.delete(id);
    this.stale.clear();
    const focused = this.hasFocus;
    this.element.style.setProperty("height", `${ids.length * ROW}px`);
    this.place(wanted);
    if (focused) this.focus();
  }

  /** Returns a row, the drawn one if it is the same: a click on a row that is replaced meanwhile would be lost. */
  private rowOf(id: string, index: number, row: (index: number) => HTMLElement): HTMLElement {
    const drawn = this.drawn.get(id);
    if (drawn !== undefined && !this.stale.has(id)) return drawn;
    const made = rowAt(index, row);
    if (drawn !== undefined) made.tabIndex = drawn.tabIndex;
    if (drawn !== undefined && updateRow(drawn, made)) return drawn;
    this.drawn.set(id, made);
    return made;
  }

  get hasFocus(): boolean {
    return this.element.contains(document.activeElement);
  }

  /** Gives the current row the keyboard focus. */
  focus(): void {
    this.element.querySelector<HTMLElement>('tr[tabindex="0"]')?.focus({ preventScroll: true });
  }

  /** Rows that Page Up and Page Down move by. */
  get pageSize(): number {
    return Math.max(1, Math.floor(this.scroller.clientHeight / ROW) - 2);
  }

  /** Scrolls until the row at an index is visible. */
  scrollTo(index: number): void {
    const { scroller } = this;
    const top = index * ROW;
    const visible = scroller.clientHeight - this.head.offsetHeight - ROW;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top > scroller.scrollTop + visible) scroller.scrollTop = top - visible;
  }

  /** Shows rows. Rows that stay are not moved. */
  private place(rows: readonly HTMLElement[]): void {
    const wanted = new Set<Element>(rows);
    for (const child of [...this.element.children]) if (!wanted.has(child)) child.remove();
    let next = this.element.firstElementChild;
    for (const row of rows) {
      if (next === row) next = next.nextElementSibling;
      else this.element.insertBefore(row, next);
    }
  }
}

/** Gives a row the cells of another that stands in its place. Returns false if it cannot become the other one. */
function updateRow(row: HTMLElement, other: HTMLElement): boolean {
  const cells = [...other.children];
  if (!row.cloneNode().isEqualNode(other.cloneNode()) || cells.length !== row.childElementCount) return false;
  for (const [at, cell] of cells.entries()) {
    const shown = row.children[at];
    if (shown === undefined || shown.isEqualNode(cell)) continue;
    if (shown.childElementCount + cell.childElementCount > 0) shown.replaceWith(cell);
    else updateText(shown, cell);
  }
  return true;
}

/** Gives a cell the attributes and the text of another. The cell itself may be pressed by the mouse. */
function updateText(cell: Element, other: Element): void {
  for (const name of cell.getAttributeNames()) if (!other.hasAttribute(name)) cell.removeAttribute(name);
  for (const name of other.getAttributeNames()) cell.setAttribute(name, other.getAttribute(name) ?? "");
  cell.textContent = other.textContent;
}

function rowAt(index: number, row: (index: number) => HTMLElement): HTMLElement {
  const made = row(index);
  made.style.setProperty("top", `${index * ROW}px`);
  made.tabIndex = -1;
  return made;
}
