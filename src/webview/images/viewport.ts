/** A visible part of images, as {@link Viewport} has it. */
export interface View {
  readonly zoom: number;
  readonly center: readonly [x: number, y: number];
}

/** The visible part of the images, shared by all images of a row, so that they move together. */
export class Viewport {
  /** Relative to the whole image: 1 fits it into its canvas. */
  zoom = 1;
  /** The center of the view, from 0 to 1 along x and y. */
  center: readonly [x: number, y: number] = [0.5, 0.5];
  /** Screen pixels per pixel of the file at zoom 1, from fitting the first image. */
  private fitScale = 1;
  private readonly listeners = new Set<() => void>();
  private readonly scaleListeners = new Set<() => void>();

  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** The scale changed, by zooming or by resizing the canvas. */
  onScale(listener: () => void): void {
    this.scaleListeners.add(listener);
  }

  /** Screen pixels per pixel of the file. */
  get scale(): number {
    return this.fitScale * this.zoom;
  }

  /** Sets the scale at which the whole image fits into its canvas. */
  fitted(scale: number): void {
    if (scale === this.fitScale) return;
    this.fitScale = scale;
    for (const listener of this.scaleListeners) listener();
  }

  /** Zooms by a factor around the position `at` (0 to 1). */
  zoomBy(factor: number, at: readonly [x: number, y: number] = this.center): void {
    // Small images can be zoomed out to their true size.
    const least = Math.min(1, 1 / this.fitScale);
    const zoom = Math.min(Math.max(MOST_ZOOM, 1 / this.fitScale), Math.max(least, this.zoom * factor));
    const moved = this.zoom / zoom;
    this.zoom = zoom;
    this.moveTo(at[0] + (this.center[0] - at[0]) * moved, at[1] + (this.center[1] - at[1]) * moved);
    for (const listener of this.scaleListeners) listener();
  }

  /** Shows one screen pixel per pixel of the file. */
  trueSize(): void {
    this.zoomBy(1 / this.scale);
  }

  /** Moves by fractions of the image. */
  moveBy(x: number, y: number): void {
    this.moveTo(this.center[0] + x, this.center[1] + y);
  }

  /** Copies zoom and center from another view. */
  follow({ zoom, center }: View): void {
    this.zoom = zoom;
    this.moveTo(...center);
  }

  /** Shows the whole image. */
  fit(): void {
    this.zoom = 1;
    this.moveTo(0.5, 0.5);
    for (const listener of this.scaleListeners) listener();
  }

  private moveTo(x: number, y: number): void {
    // The view stays inside the image; an image smaller than the view is centered.
    const margin = Math.min(0.5, 0.5 / this.zoom);
    const within = (value: number) => Math.min(1 - margin, Math.max(margin, value));
    this.center = [within(x), within(y)];
    for (const listener of this.listeners) listener();
  }
}

const MOST_ZOOM = 256;
