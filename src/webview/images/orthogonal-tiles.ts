import { element } from "../dom.ts";
import { ImageTile } from "./image-tile.ts";
import { type Look, type OpenedImage, sectionContents } from "./opened-image.ts";
import type { Pixel, TileContent } from "./tile-content.ts";
import { Viewport } from "./viewport.ts";

export interface OrthogonalEvents {
  /** A place in a section was clicked. The other planes move to it. */
  picked(place: { readonly x?: number; readonly y?: number; readonly z: number }): void;
  stepped(by: number): void;
}

/** A slice with its two sections along z: below it with the same x, beside it with the same y. */
export class OrthogonalTiles {
  readonly element: HTMLElement;
  readonly tiles: readonly ImageTile[];
  private readonly xz: ImageTile;
  private readonly yz: ImageTile;
  private readonly views = { xz: new Viewport(), yz: new Viewport() };
  /** The slice as a fraction of the depth. */
  private depthPlace = 0.5;

  /** @param xy the tile of the slice; the caller shows it alone when orthogonal views are off */
  constructor(
    private readonly xy: ImageTile,
    private readonly viewport: Viewport,
    wheelZooms: boolean,
    events: OrthogonalEvents,
  ) {
    const section = (view: Viewport, picked: (pixel: Pixel) => void): ImageTile => {
      const tile: ImageTile = new ImageTile(
        view,
        { pointed: (pixel) => tile.point(pixel), picked, stepped: events.stepped },
        { wheelZooms, leads: true },
      );
      return tile;
    };
    this.xz = section(this.views.xz, ({ x, y }) => events.picked({ x, z: y }));
    this.yz = section(this.views.yz, ({ x, y }) => events.picked({ y, z: x }));
    this.tiles = [xy, this.yz, this.xz];
    this.element = element("div", { class: "orthogonal" });
    viewport.onChange(() => this.follow());
  }

  show(opened: OpenedImage, content: TileContent, look: Look): void {
    if (this.element.children[0] !== this.xy.element)
      this.element.replaceChildren(...this.tiles.map((tile) => tile.element));
    this.xy.setTitle(opened.image.title);
    const at = opened.sections?.at;
    const sections = sectionContents(opened, look);
    this.xy.show({ ...content, ...(at ? { cross: { x: at.x, y: at.y } } : {}) });
    if (sections === undefined || at === undefined) return;
    // Columns and rows in proportion to their content give all views one scale.
    const { height, width, aspect = 1 } = content;
    const depth = sections.xz.height * (sections.xz.aspect ?? 1);
    const shown = Math.max(depth, 0.15 * Math.max(width, height * aspect));
    this.element.style.setProperty("--columns", `minmax(0, ${width}fr) minmax(0, ${shown}fr)`);
    // Of the rows of a tile, its title, canvas and value, only the canvases are in proportion.
    const rows = [height * aspect, shown].map((part) => `auto minmax(0, ${part}fr) auto`);
    this.element.style.setProperty("--rows", rows.join(" "));
    this.depthPlace = (at.z + 0.5) / sections.xz.height;
    this.follow();
    this.yz.setTitle("yz");
    this.xz.setTitle("xz");
    this.xz.show(sections.xz);
    this.yz.show(sections.yz);
  }

  /** Zooms and moves the sections like the slice. */
  private follow(): void {
    const { zoom, center } = this.viewport;
    this.views.xz.follow({ zoom, center: [center[0], this.depthPlace] });
    this.views.yz.follow({ zoom, center: [this.depthPlace, center[1]] });
  }
}
