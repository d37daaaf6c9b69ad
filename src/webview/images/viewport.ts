/** What part of the images is seen: one for all images of a row, so that they move together. */
export class Viewport {
  /** 1 shows the whole image. */
  zoom = 1;
  /** The place in the middle of the view, from 0 to 1 along x and y. */
  centre: readonly [x: number, y: number] = [0.5, 0.5];
  private readonly listeners = new Set<() => void>();

  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** Zooms by a factor with the place `at` (0 to 1) held where it is. */
  zoomBy(factor: number, at: readonly [x: number, y: number] = this.centre): void {
    const zoom = Math.min(MOST_ZOOM, Math.max(1, this.zoom * factor));
    const moved = this.zoom / zoom;
    this.zoom = zoom;
    this.moveTo(at[0] + (this.centre[0] - at[0]) * moved, at[1] + (this.centre[1] - at[1]) * moved);
  }

  /** Moves by fractions of the image. */
  moveBy(x: number, y: number): void {
    this.moveTo(this.centre[0] + x, this.centre[1] + y);
  }

  /** The whole image again. */
  fit(): void {
    this.zoom = 1;
    this.moveTo(0.5, 0.5);
  }

  private moveTo(x: number, y: number): void {
    // Half a view from each edge is as far as it goes.
    const margin = 0.5 / this.zoom;
    const within = (value: number) => Math.min(1 - margin, Math.max(margin, value));
    this.centre = [within(x), within(y)];
    for (const listener of this.listeners) listener();
  }
}

const MOST_ZOOM = 256;
