import { element, setText } from "../dom.ts";
import { ImageTile } from "./image-tile.ts";
import {
  DIFFERENT_SIZES,
  differenceContent,
  errorsContent,
  imageContent,
  layersOf,
  NOT_SHOWN,
  type OpenedImage,
} from "./opened-image.ts";
import { OrthogonalTiles } from "./orthogonal-tiles.ts";
import type { RowState } from "./row-state.ts";
import type { SimilarPlaces } from "./similar-places.ts";
import type { Pixel, TileContent } from "./tile-content.ts";
import type { Viewport } from "./viewport.ts";

export interface RowTilesEvents {
  /** Chooses a slice, clipped to the stack. */
  goTo(z: number): void;
  /** Moves the sections along z to a pixel. */
  cut(pixel: Pixel): void;
  /** Moves the swipe divider: 0 (left edge) to 1 (right edge). */
  swipeTo(share: number): void;
}

/** Time that the cursor must rest before screen readers announce the values under it. */
const RESTED_MS = 400;

/** The tiles of a row: its images or the two that swipe compares, then their difference and errors. One cursor for all. */
export class RowTiles {
  readonly element = element("div", { class: "tiles" });
  /** Announced by screen readers: the values under the cursor. */
  readonly spoken = element("div", { class: "spoken", "aria-live": "polite" });
  private readonly tiles = new Map<number, ImageTile>();
  private readonly orthogonal = new Map<number, OrthogonalTiles>();
  private readonly differenceTile: ImageTile;
  private readonly errorsTile: ImageTile;
  private readonly similarTile: ImageTile;
  private cursor: Pixel | undefined;

  constructor(
    private readonly state: RowState,
    private readonly similar: SimilarPlaces,
    private readonly viewport: Viewport,
    private readonly wheelZooms: boolean,
    private readonly events: RowTilesEvents,
  ) {
    this.differenceTile = this.newTile(false);
    this.errorsTile = this.newTile(false);
    this.similarTile = this.newTile(false);
  }

  /** Shows the state. */
  update(): void {
    const { state } = this;
    const shown = state.swipes
      ? [this.showSwipe()]
      : state.opened.map((opened, index) => this.showImage(opened, index));
    if (state.switches.difference && state.several) shown.push(this.showDifference());
    const errors = state.switches.errors ? this.showErrors() : undefined;
    if (errors !== undefined) shown.push(errors);
    const similar = this.showSimilar();
    if (similar !== undefined) shown.push(similar);
    const { children } = this.element;
    if (shown.some((tile, at) => children[at] !== tile) || shown.length !== children.length)
      this.element.replaceChildren(...shown);
  }

  /** The tiles on the page, in order. */
  get shown(): ImageTile[] {
    const sections = [...this.orthogonal.values()].flatMap((each) => each.tiles);
    const all = [...this.tiles.values(), ...sections, ...this.madeTiles];
    return [...new Set(all.filter(({ element }) => this.element.contains(element)))];
  }

  private showImage(opened: OpenedImage, index: number): HTMLElement {
    const look = this.state.lookOf(opened);
    const content = imageContent(opened, look);
    // Without its sections, which are read with another plane, the slice would take their room.
    const isWhole = opened.sections !== undefined || opened.planes === undefined;
    if (this.state.orthogonal && isWhole && opened.failure === undefined) {
      const tiles = this.orthogonalTiles(index);
      if (content !== undefined) tiles.show(opened, content, look);
      return tiles.element;
    }
    const tile = this.tile(index);
    tile.setTitle(opened.image.title);
    showOrFail(tile, opened.failure ?? noted(content, opened));
    return tile.element;
  }

  private showSwipe(): HTMLElement {
    const tile = this.tile(0);
    const { compared } = this.state;
    if (compared === undefined) tile.fail(NOT_SHOWN);
    else {
      tile.setTitle(compared.map(({ image }) => image.title).join(" | "));
      showOrFail(tile, this.swipeContent(...compared));
    }
    return tile.element;
  }

  /** Shows `a` left of the divider and `b` right of it. Returns a message if that is impossible. */
  private swipeContent(a: OpenedImage, b: OpenedImage): TileContent | string {
    const [lookA, lookB] = [this.state.lookOf(a), this.state.lookOf(b)];
    const [left, right] = [imageContent(a, lookA), imageContent(b, lookB)];
    if (left === undefined || right === undefined || b.planes === undefined) return NOT_SHOWN;
    if (left.width !== right.width || left.height !== right.height) return DIFFERENT_SIZES;
    return {
      ...left,
      swipe: { layers: layersOf(b.planes, lookB), share: this.state.swipeShare },
      description: `${left.description}; right of the divider ${right.description}`,
      valueAt: (pixel) =>
        `${a.image.title} ${left.valueAt(pixel)}; ${b.image.title} ${right.valueAt(pixel).split("  ")[0]}`,
    };
  }

  private showDifference(): HTMLElement {
    const tile = this.differenceTile;
    const { compared } = this.state;
    if (compared === undefined) tile.fail(NOT_SHOWN);
    else {
      tile.setTitle(compared.map(({ image }) => image.title).join(" − "));
      const [channel] = this.state.shownChannels(this.state.channels);
      showOrFail(tile, differenceContent(...compared, channel));
    }
    return tile.element;
  }

  /** Shows where a segmentation differs from its ground truth. Returns undefined if one of them is missing. */
  private showErrors(): HTMLElement | undefined {
    const { state, errorsTile } = this;
    if (state.segmentation === undefined) return undefined;
    const { prediction, truth } = state.segmentation;
    errorsTile.setTitle("Errors");
    showOrFail(errorsTile, errorsContent(state.showing("original"), prediction, truth));
    return errorsTile.element;
  }

  /** Shows how similar all places are to the picked one. Returns undefined until a place is picked. */
  private showSimilar(): HTMLElement | undefined {
    const { pictured, z } = this.state;
    const content = pictured && this.similar.content(pictured, z);
    if (content === undefined) return undefined;
    this.similarTile.setTitle("Similarity");
    this.similarTile.show(content);
    return this.similarTile.element;
  }

  /** The tiles that show no file. */
  private get madeTiles(): readonly ImageTile[] {
    return [this.differenceTile, this.errorsTile, this.similarTile];
  }

  private tile(index: number): ImageTile {
    const known = this.tiles.get(index);
    if (known !== undefined) return known;
    const made = this.newTile(index === 0);
    this.tiles.set(index, made);
    return made;
  }

  private orthogonalTiles(index: number): OrthogonalTiles {
    const known = this.orthogonal.get(index);
    if (known !== undefined) return known;
    const made = new OrthogonalTiles(this.tile(index), this.viewport, this.wheelZooms, {
      picked: (place) => {
        const { x, y } = this.state.crossIn(this.state.opened[0]?.summary?.shape ?? [1, 1, 1, 1]);
        this.state.cross = { x: place.x ?? x, y: place.y ?? y };
        this.events.goTo(place.z);
      },
      stepped: (by) => this.events.goTo(this.state.z + by),
    });
    this.orthogonal.set(index, made);
    return made;
  }

  /** @param leads whether the tile sets the viewport's scale */
  private newTile(leads: boolean): ImageTile {
    const events = {
      pointed: (pixel: Pixel | undefined) => this.point(pixel),
      picked: (pixel: Pixel) => this.events.cut(pixel),
      stepped: (by: number) => this.events.goTo(this.state.z + by),
      swiped: (share: number) => this.events.swipeTo(share),
    };
    return new ImageTile(this.viewport, events, { wheelZooms: this.wheelZooms, leads });
  }

  private point(pixel: Pixel | undefined): void {
    this.cursor = pixel;
    for (const tile of [...this.tiles.values(), ...this.madeTiles]) tile.point(pixel);
    if (pixel !== undefined) this.speak();
  }

  /** Announces the values under the cursor once it rests. */
  private speak(): void {
    const { cursor } = this;
    setTimeout(() => {
      if (cursor !== this.cursor) return;
      const values = this.state.opened.map(
        ({ image }, index) => `${image.title} ${this.tiles.get(index)?.valueText}`,
      );
      setText(this.spoken, values.join("; "));
    }, RESTED_MS);
  }
}

/** A feature picture explains what a click does. */
function noted(content: TileContent | undefined, { summary }: OpenedImage): TileContent | undefined {
  return content && summary?.hasFeatures
    ? { ...content, note: "Click a place to find similar ones." }
    : content;
}

/** Shows an image, or a message in its place. Leaves the tile as it is while its planes load. */
function showOrFail(tile: ImageTile, content: TileContent | string | undefined): void {
  if (typeof content === "string") tile.fail(content);
  else if (content !== undefined) tile.show(content);
}
