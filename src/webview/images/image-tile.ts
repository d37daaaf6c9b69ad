import { element, oncePerFrame, setText } from "../dom.ts";
import { onThemeChange, theme } from "../theme.ts";
import { drawLayers, type Layer, type Placement } from "./draw.ts";
import type { Viewport } from "./viewport.ts";

/** A pixel of the file. */
export interface Pixel {
  readonly x: number;
  readonly y: number;
}

export interface TileContent {
  /** Pixels of the file along y and x. */
  readonly height: number;
  readonly width: number;
  readonly layers: readonly Layer[];
  /** The value under the cursor, in words. */
  valueAt(pixel: Pixel): string;
  /** What is shown, for screen readers. */
  readonly description: string;
  /** What is said below the image while the cursor is elsewhere. */
  readonly note?: string;
}

export interface TileEvents {
  /** The cursor is at a pixel, or left. */
  pointed(pixel: Pixel | undefined): void;
  /** Steps through z: -1 or 1. */
  stepped(by: number): void;
}

/** Enlarged pixels at least this large, in canvas pixels, are marked with a frame; smaller ones with a cross. */
const FRAMED = 6;

/** One image of a row: its title, the image, and the value under the cursor. */
export class ImageTile {
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  private readonly title: HTMLElement;
  private readonly value: HTMLElement;
  private readonly message: HTMLElement;
  private content: TileContent | undefined;
  private cursor: Pixel | undefined;
  private readonly redraw = oncePerFrame(() => this.draw());

  /** @param wheelZooms whether the mouse wheel zooms by itself, where the page does not scroll; else with Ctrl */
  constructor(
    private readonly viewport: Viewport,
    private readonly events: TileEvents,
    private readonly wheelZooms: boolean,
  ) {
    this.title = element("div", { class: "tile-title" });
    this.canvas = element("canvas", { class: "tile-canvas", role: "img", tabindex: "0" });
    this.message = element("div", { class: "tile-message", role: "alert" });
    this.value = element("figcaption", { class: "tile-value" });
    this.element = element("figure", { class: "tile" }, this.title, this.canvas, this.message, this.value);
    this.message.hidden = true;
    viewport.onChange(this.redraw);
    onThemeChange(this.redraw);
    new ResizeObserver(this.redraw).observe(this.canvas);
    this.listen();
  }

  setTitle(title: string): void {
    setText(this.title, title);
  }

  /** Shows an image. */
  show(content: TileContent): void {
    this.content = content;
    this.message.hidden = true;
    this.canvas.hidden = false;
    const ratio = Math.min(4, Math.max(0.5, content.width / content.height));
    this.canvas.style.setProperty("--ratio", String(ratio));
    this.canvas.setAttribute("aria-label", content.description);
    this.showValue();
    this.redraw();
  }

  /** Says why there is no image. */
  fail(message: string): void {
    this.content = undefined;
    this.canvas.hidden = true;
    this.message.hidden = false;
    setText(this.message, message);
    setText(this.value, "");
  }

  /** Marks the pixel under the cursor, which may be over another image of the row. */
  point(pixel: Pixel | undefined): void {
    this.cursor = pixel;
    this.showValue();
    this.redraw();
  }

  private showValue(): void {
    const { content, cursor } = this;
    if (content === undefined || cursor === undefined) setText(this.value, content?.note ?? "\u00a0");
    else setText(this.value, content.valueAt(cursor));
  }

  private listen(): void {
    const { canvas, viewport } = this;
    let dragged: { readonly x: number; readonly y: number } | undefined;
    canvas.addEventListener("pointerdown", (event) => {
      dragged = { x: event.clientX, y: event.clientY };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (dragged === undefined) {
        this.events.pointed(this.pixelAt(event));
        return;
      }
      const size = this.sizeOnScreen();
      viewport.moveBy((dragged.x - event.clientX) / size.width, (dragged.y - event.clientY) / size.height);
      dragged = { x: event.clientX, y: event.clientY };
    });
    const release = () => {
      dragged = undefined;
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => this.events.pointed(undefined));
    canvas.addEventListener("dblclick", () => viewport.fit());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.events.pointed(undefined));
  }

  private wheel(event: WheelEvent): void {
    if (event.altKey) this.events.stepped(Math.sign(event.deltaY));
    else if (this.wheelZooms || event.ctrlKey || event.metaKey) {
      this.viewport.zoomBy(Math.exp(-event.deltaY / 300), this.placeAt(event));
    } else return;
    event.preventDefault();
  }

  private key(event: KeyboardEvent): void {
    const { content, viewport } = this;
    if (content === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows: Readonly<Record<string, readonly [number, number]>> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const arrow = arrows[event.key];
    if (arrow !== undefined && event.shiftKey) {
      viewport.moveBy((arrow[0] * 0.1) / viewport.zoom, (arrow[1] * 0.1) / viewport.zoom);
    } else if (arrow !== undefined) this.moveCursor(content, arrow);
    else if (event.key === "+" || event.key === "=") viewport.zoomBy(1.5);
    else if (event.key === "-") viewport.zoomBy(1 / 1.5);
    else if (event.key === "0") viewport.fit();
    else if (event.key === "PageDown") this.events.stepped(1);
    else if (event.key === "PageUp") this.events.stepped(-1);
    else return;
    event.preventDefault();
  }

  private moveCursor({ width, height }: TileContent, [x, y]: readonly [number, number]): void {
    const [column, row] = this.viewport.centre;
    const from = this.cursor ?? { x: Math.floor(column * width), y: Math.floor(row * height) };
    const within = (value: number, size: number) => Math.min(size - 1, Math.max(0, value));
    this.events.pointed({ x: within(from.x + x, width), y: within(from.y + y, height) });
  }

  /** The pixel of the file at a place of the screen; nothing beside the image. */
  private pixelAt(event: MouseEvent): Pixel | undefined {
    const { content } = this;
    if (content === undefined) return undefined;
    const [x, y] = this.placeAt(event);
    if (x < 0 || y < 0 || x >= 1 || y >= 1) return undefined;
    return { x: Math.floor(x * content.width), y: Math.floor(y * content.height) };
  }

  /** A place of the screen as a fraction of the image along x and y. */
  private placeAt({ clientX, clientY }: MouseEvent): readonly [number, number] {
    const box = this.canvas.getBoundingClientRect();
    const { width, height } = this.sizeOnScreen();
    const [x, y] = this.viewport.centre;
    return [
      x + (clientX - box.left - box.width / 2) / width,
      y + (clientY - box.top - box.height / 2) / height,
    ];
  }

  /** The whole image's size on the screen, in CSS pixels. */
  private sizeOnScreen(): { readonly width: number; readonly height: number } {
    const { content, canvas } = this;
    if (content === undefined) return { width: 1, height: 1 };
    const fit = Math.min(canvas.clientWidth / content.width, canvas.clientHeight / content.height);
    const scale = (fit || 1) * this.viewport.zoom;
    return { width: content.width * scale, height: content.height * scale };
  }

  private draw(): void {
    const { canvas, content } = this;
    const { devicePixelRatio } = window;
    const width = Math.round(canvas.clientWidth * devicePixelRatio);
    const height = Math.round(canvas.clientHeight * devicePixelRatio);
    if (content === undefined || width === 0 || height === 0) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    if (context === null) return;
    const size = this.sizeOnScreen();
    const scale = (size.width * devicePixelRatio) / content.width;
    const [x, y] = this.viewport.centre;
    const placement = {
      scale,
      left: width / 2 - x * content.width * scale,
      top: height / 2 - y * content.height * scale,
    };
    const image = context.createImageData(width, height);
    drawLayers(image, content.layers, placement);
    context.putImageData(image, 0, 0);
    if (this.cursor !== undefined) markPixel(context, this.cursor, placement);
  }
}

function markPixel(context: CanvasRenderingContext2D, { x, y }: Pixel, placement: Placement): void {
  const { scale } = placement;
  const [left, top] = [placement.left + x * scale, placement.top + y * scale];
  context.strokeStyle = theme().focus;
  context.lineWidth = Math.max(1, devicePixelRatio);
  if (scale >= FRAMED) {
    context.strokeRect(left - 0.5, top - 0.5, scale + 1, scale + 1);
    return;
  }
  const [middleX, middleY] = [Math.round(left + scale / 2) + 0.5, Math.round(top + scale / 2) + 0.5];
  context.beginPath();
  for (const [from, to] of [
    [-9, -3],
    [3, 9],
  ]) {
    context.moveTo(middleX + from, middleY);
    context.lineTo(middleX + to, middleY);
    context.moveTo(middleX, middleY + from);
    context.lineTo(middleX, middleY + to);
  }
  context.stroke();
}
