/** Mouse and keyboard over one image: they move the view, the cursor, the slice and the divider. */
import type { Pixel, TileContent, TileEvents } from "./tile-content.ts";
import type { Viewport } from "./viewport.ts";

/** The parts of a tile that the pointer uses. */
interface TileState {
  content(): TileContent | undefined;
  cursor(): Pixel | undefined;
  /** The whole image's size on the screen, in CSS pixels. */
  sizeOnScreen(): { readonly width: number; readonly height: number };
}

/** The keys of an image, for the list that `?` shows. */
export const TILE_KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["← → ↑ ↓", "Move the cursor by a pixel"],
  ["Shift + ← → ↑ ↓", "Move the view"],
  ["+ −", "Zoom in, zoom out"],
  ["0", "Fit the whole image"],
  ["1", "True size (100 %)"],
  ["Page Up, Page Down", "Previous slice, next slice"],
];

const ARROWS: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Distance in CSS pixels within which the divider is grabbed, and below which a press is a click. */
const NEAR = 8;
const STILL = 3;

/** Listens to a tile's canvas, and reports what the user does there. */
export class TilePointer {
  private dragged: { readonly x: number; readonly y: number } | undefined;
  private pressed: { readonly x: number; readonly y: number } | undefined;
  private swiping = false;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly viewport: Viewport,
    private readonly events: TileEvents,
    private readonly wheelZooms: boolean,
    private readonly tile: TileState,
  ) {
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.release(event));
    canvas.addEventListener("pointercancel", () => this.letGo());
    canvas.addEventListener("pointerleave", () => events.pointed(undefined));
    canvas.addEventListener("dblclick", () => viewport.fit());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => events.pointed(undefined));
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.dragged = { x: event.clientX, y: event.clientY };
    this.pressed = this.dragged;
    const { swipe } = this.tile.content() ?? {};
    const box = this.canvas.getBoundingClientRect();
    this.swiping = swipe !== undefined && Math.abs(event.clientX - box.left - swipe.share * box.width) < NEAR;
    this.canvas.setPointerCapture(event.pointerId);
  }

  private move(event: PointerEvent): void {
    if (this.dragged === undefined) {
      this.events.pointed(this.pixelAt(event));
      return;
    }
    if (this.swiping) {
      const box = this.canvas.getBoundingClientRect();
      this.events.swiped?.(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
      return;
    }
    const size = this.tile.sizeOnScreen();
    this.viewport.moveBy(
      (this.dragged.x - event.clientX) / size.width,
      (this.dragged.y - event.clientY) / size.height,
    );
    this.dragged = { x: event.clientX, y: event.clientY };
  }

  private release(event: PointerEvent): void {
    const { pressed } = this;
    if (pressed !== undefined && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) < STILL) {
      const pixel = this.pixelAt(event);
      if (pixel !== undefined) this.events.picked?.(pixel);
    }
    this.letGo();
  }

  private letGo(): void {
    this.dragged = undefined;
    this.pressed = undefined;
    this.swiping = false;
  }

  private wheel(event: WheelEvent): void {
    if (event.altKey) this.events.stepped(Math.sign(event.deltaY));
    else if (this.wheelZooms || event.ctrlKey || event.metaKey) {
      this.viewport.zoomBy(Math.exp(-event.deltaY / 300), this.placeAt(event));
    } else return;
    event.preventDefault();
  }

  /** Moves the cursor or the view by a key of {@link TILE_KEYS}. */
  key(event: KeyboardEvent): void {
    const { viewport } = this;
    const content = this.tile.content();
    if (content === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow !== undefined && event.shiftKey) {
      viewport.moveBy((arrow[0] * 0.1) / viewport.zoom, (arrow[1] * 0.1) / viewport.zoom);
    } else if (arrow !== undefined) this.moveCursor(content, arrow);
    else if (event.key === "+" || event.key === "=") viewport.zoomBy(1.5);
    else if (event.key === "-") viewport.zoomBy(1 / 1.5);
    else if (event.key === "0") viewport.fit();
    else if (event.key === "1") viewport.trueSize();
    else if (event.key === "PageDown") this.events.stepped(1);
    else if (event.key === "PageUp") this.events.stepped(-1);
    else return;
    event.preventDefault();
  }

  private moveCursor({ width, height }: TileContent, [x, y]: readonly [number, number]): void {
    const [column, row] = this.viewport.center;
    const from = this.tile.cursor() ?? { x: Math.floor(column * width), y: Math.floor(row * height) };
    const within = (value: number, size: number) => Math.min(size - 1, Math.max(0, value));
    const pixel = { x: within(from.x + x, width), y: within(from.y + y, height) };
    this.events.pointed(pixel);
    this.events.picked?.(pixel);
  }

  /** Returns the pixel at a screen position; undefined outside the image. */
  private pixelAt(event: MouseEvent): Pixel | undefined {
    const content = this.tile.content();
    if (content === undefined) return undefined;
    const [x, y] = this.placeAt(event);
    if (x < 0 || y < 0 || x >= 1 || y >= 1) return undefined;
    return { x: Math.floor(x * content.width), y: Math.floor(y * content.height) };
  }

  /** Converts a screen position to fractions of the image along x and y. */
  private placeAt({ clientX, clientY }: MouseEvent): readonly [number, number] {
    const box = this.canvas.getBoundingClientRect();
    const { width, height } = this.tile.sizeOnScreen();
    const [x, y] = this.viewport.center;
    return [
      x + (clientX - box.left - box.width / 2) / width,
      y + (clientY - box.top - box.height / 2) / height,
    ];
  }
}
