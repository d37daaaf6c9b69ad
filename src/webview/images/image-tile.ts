import { element, oncePerFrame, setText } from "../dom.ts";
import { curveColor, onThemeChange, theme } from "../theme.ts";
import { drawLayers, type Placement } from "./draw.ts";
import { drawScaleBar, scaleBar } from "./scale-bar.ts";
import type { Pixel, TileContent, TileEvents } from "./tile-content.ts";
import { TilePointer } from "./tile-pointer.ts";
import type { Viewport } from "./viewport.ts";

export interface TileOptions {
  /** Whether the mouse wheel alone zooms. Otherwise it zooms with Ctrl, and scrolls the page without. */
  readonly wheelZooms: boolean;
  /** Whether this tile sets the viewport's scale. */
  readonly leads: boolean;
}

/** Pixels drawn at least this large, in canvas pixels, are marked with a frame; smaller ones with a cross. */
const FRAMED = 6;

/** One image of a row: its title, the image, and the value under the cursor. */
export class ImageTile {
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  private readonly title: HTMLElement;
  private readonly value: HTMLElement;
  private readonly message: HTMLElement;
  private readonly pointer: TilePointer;
  private content: TileContent | undefined;
  private cursor: Pixel | undefined;
  private readonly redraw = oncePerFrame(() => this.draw());

  constructor(
    private readonly viewport: Viewport,
    events: TileEvents,
    private readonly options: TileOptions,
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
    this.pointer = new TilePointer(this.canvas, viewport, events, options.wheelZooms, {
      content: () => this.content,
      cursor: () => this.cursor,
      sizeOnScreen: () => this.sizeOnScreen(),
    });
  }

  /** Handles a key as if this tile had the focus. */
  key(event: KeyboardEvent): void {
    this.pointer.key(event);
  }

  setTitle(title: string): void {
    setText(this.title, title);
    this.title.title = title;
  }

  get titleText(): string {
    return this.title.textContent ?? "";
  }

  get valueText(): string {
    return (this.value.textContent ?? "").trim();
  }

  /** Shows an image. */
  show(content: TileContent): void {
    this.content = content;
    this.message.hidden = true;
    this.canvas.hidden = false;
    const ratio = content.width / (content.height * (content.aspect ?? 1));
    this.canvas.style.setProperty("--ratio", String(Math.min(4, Math.max(0.5, ratio))));
    this.canvas.setAttribute("aria-label", content.description);
    this.showValue();
    this.redraw();
  }

  /** Shows a message in place of the image. */
  fail(message: string): void {
    this.content = undefined;
    this.canvas.hidden = true;
    this.message.hidden = false;
    setText(this.message, message);
    setText(this.value, "");
  }

  /** Marks a pixel and shows its value. The cursor may be over another image of the row. */
  point(pixel: Pixel | undefined): void {
    this.cursor = pixel;
    this.showValue();
    this.redraw();
  }

  /** Returns the visible part of the image without marks. Undefined while there is no image. */
  picture(): HTMLCanvasElement | undefined {
    const { content, canvas } = this;
    if (content === undefined || canvas.width === 0) return undefined;
    const { left, top, scaleX, scaleY } = this.placement(content);
    const [x0, y0] = [Math.max(0, Math.round(left)), Math.max(0, Math.round(top))];
    const x1 = Math.min(canvas.width, Math.round(left + content.width * scaleX));
    const y1 = Math.min(canvas.height, Math.round(top + content.height * scaleY));
    const picture = element("canvas", {});
    Object.assign(picture, { width: Math.max(1, x1 - x0), height: Math.max(1, y1 - y0) });
    const context = picture.getContext("2d");
    const whole = this.drawn(content);
    if (context === null || whole === undefined) return undefined;
    context.putImageData(whole, -x0, -y0);
    this.drawScale(context, content, { right: picture.width, bottom: picture.height });
    return picture;
  }

  private showValue(): void {
    const { content, cursor } = this;
    if (content === undefined || cursor === undefined) setText(this.value, content?.note ?? "\u00a0");
    else setText(this.value, content.valueAt(cursor));
  }

  /** Size of the whole image on the screen, in CSS pixels. */
  private sizeOnScreen(): { readonly width: number; readonly height: number } {
    const { content } = this;
    if (content === undefined) return { width: 1, height: 1 };
    const scale = this.fitScale(content) * this.viewport.zoom;
    return { width: content.width * scale, height: content.height * scale * (content.aspect ?? 1) };
  }

  /** CSS pixels per pixel of the file along x when the whole image fits into the canvas. */
  private fitScale({ width, height, aspect = 1 }: TileContent): number {
    const { clientWidth, clientHeight } = this.canvas;
    return Math.min(clientWidth / width, clientHeight / (height * aspect)) || 1;
  }

  private placement({ width, height }: TileContent): Placement {
    const { canvas, viewport } = this;
    const size = this.sizeOnScreen();
    const scaleX = (size.width * devicePixelRatio) / width;
    const scaleY = (size.height * devicePixelRatio) / height;
    const [x, y] = viewport.center;
    return {
      scaleX,
      scaleY,
      left: canvas.width / 2 - x * width * scaleX,
      top: canvas.height / 2 - y * height * scaleY,
    };
  }

  private draw(): void {
    const { canvas, content } = this;
    const width = Math.round(canvas.clientWidth * devicePixelRatio);
    const height = Math.round(canvas.clientHeight * devicePixelRatio);
    if (content === undefined || width === 0 || height === 0) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    if (this.options.leads) this.viewport.fitted(this.fitScale(content) * devicePixelRatio);
    const context = canvas.getContext("2d");
    const image = this.drawn(content);
    if (context === null || image === undefined) return;
    context.putImageData(image, 0, 0);
    const placement = this.placement(content);
    if (content.cross !== undefined) drawCross(context, content.cross, placement);
    if (content.swipe !== undefined) drawDivider(context, content.swipe.share);
    const right = Math.min(width, placement.left + content.width * placement.scaleX);
    const bottom = Math.min(height, placement.top + content.height * placement.scaleY);
    this.drawScale(context, content, { right, bottom });
    if (this.cursor !== undefined) markPixel(context, this.cursor, placement);
  }

  private drawn(content: TileContent): ImageData | undefined {
    const { width, height } = this.canvas;
    const image = this.canvas.getContext("2d")?.createImageData(width, height);
    if (image === undefined) return undefined;
    const placement = this.placement(content);
    const divider = content.swipe === undefined ? width : Math.round(content.swipe.share * width);
    drawLayers(image, content.layers, placement, { from: 0, to: divider });
    if (content.swipe !== undefined)
      drawLayers(image, content.swipe.layers, placement, { from: divider, to: width });
    return image;
  }

  private drawScale(
    context: CanvasRenderingContext2D,
    content: TileContent,
    area: { readonly right: number; readonly bottom: number },
  ): void {
    if (content.scaleBar === undefined) return;
    const { pixelWidth, unit } = content.scaleBar;
    const width = Math.min(this.canvas.width, content.width * this.placement(content).scaleX);
    const bar = scaleBar(pixelWidth / this.placement(content).scaleX, unit, width / 4);
    drawScaleBar(context, area, bar, getComputedStyle(this.canvas).fontFamily);
  }
}

function markPixel(context: CanvasRenderingContext2D, { x, y }: Pixel, placement: Placement): void {
  const { scaleX, scaleY } = placement;
  const [left, top] = [placement.left + x * scaleX, placement.top + y * scaleY];
  context.strokeStyle = theme().focus;
  context.lineWidth = Math.max(1, devicePixelRatio);
  if (scaleX >= FRAMED && scaleY >= FRAMED) {
    context.strokeRect(left - 0.5, top - 0.5, scaleX + 1, scaleY + 1);
    return;
  }
  const [middleX, middleY] = [Math.round(left + scaleX / 2) + 0.5, Math.round(top + scaleY / 2) + 0.5];
  context.beginPath();
  for (const [from, to] of [
    [-9, -3],
    [3, 9],
  ] as const) {
    context.moveTo(middleX + from, middleY);
    context.lineTo(middleX + to, middleY);
    context.moveTo(middleX, middleY + from);
    context.lineTo(middleX, middleY + to);
  }
  context.stroke();
}

/** Draws lines through the center of a pixel across the canvas. */
function drawCross(context: CanvasRenderingContext2D, { x, y }: Pixel, placement: Placement): void {
  const { width, height } = context.canvas;
  const column = Math.round(placement.left + (x + 0.5) * placement.scaleX) + 0.5;
  const row = Math.round(placement.top + (y + 0.5) * placement.scaleY) + 0.5;
  context.strokeStyle = curveColor(5);
  context.globalAlpha = 0.6;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(column, 0);
  context.lineTo(column, height);
  context.moveTo(0, row);
  context.lineTo(width, row);
  context.stroke();
  context.globalAlpha = 1;
}

function drawDivider(context: CanvasRenderingContext2D, share: number): void {
  const { width, height } = context.canvas;
  const at = Math.round(share * width);
  const wide = Math.max(2, Math.round(2 * devicePixelRatio));
  context.fillStyle = theme().focus;
  context.fillRect(at - wide / 2, 0, wide, height);
  context.fillRect(at - wide * 3, height / 2 - wide * 6, wide * 6, wide * 12);
}
