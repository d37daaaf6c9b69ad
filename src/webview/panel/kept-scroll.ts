import { sparingly } from "../dom.ts";

/** Shortest pause between two positions that are stored. */
const STORE_MS = 300;

/** What a user does to a page that scrolls it. */
const USED = ["wheel", "pointerdown", "keydown", "touchstart"];

/**
 * Scrolls a page that is shown again to where it was. Its parts get their sizes one by one, as images are read: the page is therefore
 * scrolled with each of them, until it is used.
 */
export class KeptScroll {
  private wanted: number | undefined;

  /**
   * @param content all that the page scrolls
   * @param kept the position that was stored last, if one was
   * @param store stores a position
   */
  constructor(content: HTMLElement, kept: number | undefined, store: (top: number) => void) {
    const page = document.documentElement;
    this.wanted = kept;
    const storeSoon = sparingly(STORE_MS, () => {
      if (this.wanted === undefined) store(page.scrollTop);
    });
    document.addEventListener("scroll", () => {
      const { wanted } = this;
      const reaches = wanted !== undefined && page.scrollHeight - page.clientHeight >= wanted;
      // A screen reader may scroll it too.
      if (reaches && Math.abs(page.scrollTop - wanted) > 1) this.release();
      storeSoon();
    });
    for (const used of USED) window.addEventListener(used, () => this.release(), { passive: true });
    new ResizeObserver(() => {
      if (this.wanted !== undefined) page.scrollTop = this.wanted;
    }).observe(content);
  }

  /** Leaves the page where it is. */
  release(): void {
    this.wanted = undefined;
  }
}
