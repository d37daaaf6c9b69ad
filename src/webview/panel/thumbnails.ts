import { NO_MENU } from "../context-menu.ts";
import { element } from "../dom.ts";
import { USUAL_CONTRAST } from "../images/contrast.ts";
import { drawFitted } from "../images/draw.ts";
import type { ImageClient } from "../images/image-client.ts";
import { compositeLut, LUTS } from "../images/luts.ts";

/** An image of the strip. */
export interface Thumbnail {
  readonly name: string;
  readonly path: string | undefined;
  /** Modification time of the file, which identifies its version. */
  readonly time: number;
}

/** Side of a thumbnail, in CSS pixels. */
const SIDE = 56;

/** A strip of thumbnails to choose an image from. Loads only visible ones. */
export class Thumbnails {
  readonly element: HTMLElement;
  private readonly options = new Map<string, HTMLElement>();
  private readonly pending = new Map<Element, Thumbnail>();
  /** The version of each thumbnail that is drawn or waits to be seen. */
  private readonly drawn = new Map<string, number>();
  private readonly observer = new IntersectionObserver((entries) => this.seen(entries));
  private names: readonly string[] = [];

  constructor(
    private readonly client: ImageClient,
    private readonly chose: (name: string) => void,
  ) {
    const attributes = { class: "thumbnails", role: "listbox", "aria-label": "Images", ...NO_MENU };
    this.element = element("div", attributes);
    this.element.setAttribute("aria-orientation", "horizontal");
    this.element.addEventListener("keydown", (event) => this.key(event));
  }

  show(thumbnails: readonly Thumbnail[], chosen: string): void {
    const names = thumbnails.map(({ name }) => name);
    this.element.hidden = names.length < 2;
    // Browsers clear activeElement when the focus leaves the page for the editor, and keep it when the window is in the background.
    const focused = this.element.contains(document.activeElement);
    if (names.join("\n") !== this.names.join("\n")) {
      this.names = names;
      this.options.clear();
      this.observer.disconnect();
      this.drawn.clear();
      for (const { name } of thumbnails) this.options.set(name, this.option(name));
      this.element.replaceChildren(...this.options.values());
    }
    for (const thumbnail of thumbnails) {
      const option = this.options.get(thumbnail.name);
      if (option === undefined) continue;
      const selected = thumbnail.name === chosen;
      option.setAttribute("aria-selected", String(selected));
      option.tabIndex = selected ? 0 : -1;
      if (this.drawn.get(thumbnail.name) === thumbnail.time) continue;
      this.drawn.set(thumbnail.name, thumbnail.time);
      // Observing again reports an option that is already visible.
      this.observer.unobserve(option);
      this.pending.set(option, thumbnail);
      this.observer.observe(option);
    }
    if (focused) this.options.get(chosen)?.focus();
  }

  private option(name: string): HTMLElement {
    const canvas = element("canvas", { "aria-hidden": "true" });
    const option = element(
      "div",
      { class: "thumbnail", role: "option", title: name },
      canvas,
      element("span", { class: "thumbnail-name" }, name),
    );
    option.addEventListener("click", () => this.chose(name));
    return option;
  }

  private seen(entries: readonly IntersectionObserverEntry[]): void {
    for (const { isIntersecting, target } of entries) {
      const thumbnail = this.pending.get(target);
      if (!isIntersecting || thumbnail === undefined) continue;
      this.pending.delete(target);
      this.observer.unobserve(target);
      const canvas = target.querySelector("canvas");
      if (thumbnail.path !== undefined && canvas !== null) void this.draw(canvas, thumbnail.path);
    }
  }

  /** Draws the middle slice. Leaves the thumbnail of an unreadable file empty: the row shows the error. */
  private async draw(canvas: HTMLCanvasElement, path: string): Promise<void> {
    try {
      const { shape } = await this.client.open(path);
      const [depth, height, width, channels] = shape;
      const colored = channels === 2 || channels === 3;
      const luts = colored
        ? Array.from({ length: channels }, (_, channel) => LUTS[compositeLut(channel, channels)])
        : [LUTS.Gray];
      const view = { kind: "slice", z: depth >> 1 } as const;
      const layers = await Promise.all(
        luts.map(async (lut, channel) => {
          const plane = await this.client.plane(path, view, channel);
          return { plane, range: plane.percentiles(USUAL_CONTRAST.percent), lut };
        }),
      );
      drawFitted(canvas, SIDE, layers, { height, width });
      canvas.classList.remove("missing");
    } catch {
      canvas.classList.add("missing");
    }
  }

  private key(event: KeyboardEvent): void {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const at = this.names.findIndex((name) => this.options.get(name)?.tabIndex === 0);
    const next = this.names[Math.min(this.names.length - 1, Math.max(0, at + by))];
    if (next === undefined) return;
    this.chose(next);
    this.options.get(next)?.focus();
  }
}
