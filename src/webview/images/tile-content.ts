/** The content of a tile. */
import type { Layer } from "./draw.ts";

/** A pixel of the shown plane: x is its column, y its row. */
export interface Pixel {
  readonly x: number;
  readonly y: number;
}

/** A second image, shown to the right of a divider. */
export interface Swipe {
  readonly layers: readonly Layer[];
  /** Position of the divider, from 0 to 1 of the canvas's width. */
  readonly share: number;
}

/** An image as a tile shows it. */
export interface TileContent {
  /** Pixels along rows and columns. */
  readonly height: number;
  readonly width: number;
  /** A pixel's height over its width. Defaults to 1. */
  readonly aspect?: number;
  readonly layers: readonly Layer[];
  readonly swipe?: Swipe;
  /** Draws a scale bar for pixels of this width. */
  readonly scaleBar?: { readonly pixelWidth: number; readonly unit: string };
  /** Draws lines through this pixel, at the positions of the other sections. */
  readonly cross?: Pixel;
  /** Returns the value under the cursor as text. */
  valueAt(pixel: Pixel): string;
  /** Description for screen readers. */
  readonly description: string;
  /** Shown below the image while the cursor is elsewhere. */
  readonly note?: string;
}

export interface TileEvents {
  /** The cursor is at a pixel, or left. */
  pointed(pixel: Pixel | undefined): void;
  /** A pixel was clicked, or reached by keys. */
  picked?(pixel: Pixel): void;
  /** Steps through z: -1 or 1. */
  stepped(by: number): void;
  /** The divider was dragged. */
  swiped?(share: number): void;
}
