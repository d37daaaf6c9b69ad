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
  /** Cached rows by their ids, until {@link forget}. */
  private readonly drawn = new Map<string, HTMLElement>();
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

  /** Drops the drawn rows: their content has changed. */
  forget(): void {
    this.drawn.clear();
    this.shown = "";
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
      const made = this.drawn.get(id) ?? rowAt(first + offset, row);
      this.drawn.set(id, made);
      const tabIndex = focusable === id ? 0 : -1;
      if (made.tabIndex !== tabIndex) made.tabIndex = tabIndex;
      return made;
    });
    const kept = new Set(wanted);
    for (const [id, made] of this.drawn) if (!kept.has(made)) this.drawn.delete(id);
    const focused = this.hasFocus;
    this.element.style.setProperty("height", `${ids.length * ROW}px`);
    this.place(wanted);
    if (focused) this.focus();
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

function rowAt(index: number, row: (index: number) => HTMLElement): HTMLElement {
  const made = row(index);
  made.style.setProperty("top", `${index * ROW}px`);
  made.tabIndex = -1;
  return made;
}
