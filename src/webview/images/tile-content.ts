/** What a tile shows and tells. */
import type { Layer } from "./draw.ts";

/** A pixel of the shown plane: x is its column, y its row. */
export interface Pixel {
  readonly x: number;
  readonly y: number;
}

/** A second image over the first, from a divider on to the right. */
export interface Swipe {
  readonly layers: readonly Layer[];
  /** Where the divider is, from 0 to 1 of the canvas's width. */
  readonly share: number;
}

export interface TileContent {
  /** Pixels along rows and columns. */
  readonly height: number;
  readonly width: number;
  /** A pixel's height over its width. Defaults to 1. */
  readonly aspect?: number;
  readonly layers: readonly Layer[];
  readonly swipe?: Swipe;
  /** Draws a scale bar where a pixel is so wide. */
  readonly scaleBar?: { readonly pixelWidth: number; readonly unit: string };
  /** Lines through this pixel: where the other sections lie. */
  readonly cross?: Pixel;
  /** Returns the value under the cursor as text. */
  valueAt(pixel: Pixel): string;
  /** What is shown, for screen readers. */
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
