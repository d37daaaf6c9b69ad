import { element } from "../dom.ts";

/** Height of a row, in CSS pixels; `table.css` has it too. */
const ROW = 28;
/** Rows drawn beyond the visible ones. */
const OVERSCAN = 8;

/** The rows of a long table: only the visible ones are in the page, between two rows as high as the others. */
export class TableBody {
  readonly element = element("tbody", {});
  private readonly above = element("tr", { "aria-hidden": "true" }, element("td", {}));
  private readonly below = element("tr", { "aria-hidden": "true" }, element("td", {}));
  /** Cached rows by their ids, until {@link forget}. */
  private readonly drawn = new Map<string, HTMLElement>();

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
    const first = Math.max(0, Math.floor((scrollTop - this.head.offsetHeight) / ROW) - OVERSCAN);
    const last = Math.min(ids.length, Math.ceil((scrollTop + clientHeight) / ROW) + OVERSCAN);
    const wanted = ids.slice(first, last).map((id, offset) => {
      const made = this.drawn.get(id) ?? row(first + offset);
      this.drawn.set(id, made);
      made.tabIndex = (current ?? ids[0]) === id ? 0 : -1;
      return made;
    });
    const shown = new Set(wanted);
    for (const [id, made] of this.drawn) if (!shown.has(made)) this.drawn.delete(id);
    const focused = this.hasFocus;
    this.above.style.setProperty("height", `${first * ROW}px`);
    this.below.style.setProperty("height", `${Math.max(0, ids.length - last) * ROW}px`);
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
    const wanted = [this.above, ...rows, this.below];
    const kept = new Set<Element>(wanted);
    const { element } = this;
    for (const child of [...element.children]) if (!kept.has(child)) child.remove();
    for (const [at, row] of wanted.entries())
      if (element.children[at] !== row) element.insertBefore(row, element.children[at] ?? null);
  }
}
