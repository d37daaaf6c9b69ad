import { errorMessage } from "../../facts/errors.ts";
import { copyPng } from "../clipboard.ts";
import { contextMenu, type MenuItem } from "../context-menu.ts";
import { element, show, sparingly } from "../dom.ts";
import type { ImageClient } from "./image-client.ts";
import { type RowKey, showKeys } from "./keys-help.ts";
import type { RowImage } from "./opened-image.ts";
import { pictureOf } from "./picture.ts";
import { RowColors } from "./row-colors.ts";
import { rowKeys, runKey } from "./row-keys.ts";
import { RowPlanes } from "./row-planes.ts";
import { type RowSettings, RowState, type StartSlice } from "./row-state.ts";
import { RowTiles } from "./row-tiles.ts";
import { SimilarPlaces } from "./similar-places.ts";
import type { Pixel } from "./tile-content.ts";
import { type Switch, ViewToolbar } from "./view-toolbar.ts";
import { Viewport } from "./viewport.ts";

/** Shortest pause between two views that are stored. */
const STORE_MS = 300;

export interface RowOptions {
  readonly settings?: RowSettings;
  /** Whether the mouse wheel alone zooms. Otherwise it zooms with Ctrl, and scrolls the page without. */
  readonly wheelZooms: boolean;
  /** Whether contrast and channels are below the images. Defaults to above them. */
  readonly colorsBelow?: boolean;
  readonly start: StartSlice;
  /** Stores the settings for when the page is shown again. */
  changed(settings: RowSettings): void;
  /** Asks for a file and saves a picture to it. */
  save(name: string, png: Blob): void;
  /** Opens images in a new image viewer at a slice. */
  open(images: readonly RowImage[], z: number | undefined): void;
}

/** Images side by side: one slice, one contrast, one view and one cursor for all of them. */
export class ImageRow {
  readonly element: HTMLElement;
  private readonly state: RowState;
  private readonly viewport = new Viewport();
  private readonly planes: RowPlanes;
  private readonly tiles: RowTiles;
  private readonly similar: SimilarPlaces;
  private readonly toolbar: ViewToolbar;
  private readonly colors: RowColors;
  private readonly keys: readonly RowKey[];

  constructor(
    client: ImageClient,
    private readonly options: RowOptions,
  ) {
    this.state = new RowState(options.settings ?? {}, options.start);
    this.similar = new SimilarPlaces(
      client,
      () => this.tiles.update(),
      (image, z) => options.open([image], z),
    );
    this.tiles = this.newTiles();
    this.tiles.element.setAttribute("aria-busy", "true");
    this.planes = new RowPlanes(client, this.state, {
      loaded: () => this.update(),
      busy: (busy) => this.tiles.element.setAttribute("aria-busy", String(busy)),
    });
    this.toolbar = this.newToolbar();
    this.colors = new RowColors(this.state, {
      changed: () => this.settingsChanged(),
      recolored: () => this.update(),
    });
    const [colors, tiles] = [this.colors.element, this.tiles.element];
    this.element = element(
      "div",
      { class: "image-row" },
      this.toolbar.element,
      ...(options.colorsBelow ? [tiles, colors] : [colors, tiles]),
      this.similar.element,
      this.tiles.spoken,
    );
    this.keys = this.newKeys();
    this.element.addEventListener("keydown", (event) => this.key(event));
    contextMenu(tiles, () => this.menu);
    this.storeViews();
    this.showControls();
  }

  /**
   * Shows images.
   *
   * @param same whether these are newer versions of the same images: slice, view and contrast then stay
   * @param z the slice to start with
   */
  async show(images: readonly RowImage[], same: boolean, z?: number): Promise<void> {
    if (z !== undefined) this.state.chosenZ = z;
    if (!(await this.planes.open(images))) return;
    if (same) this.similar.refresh();
    else {
      this.similar.reset();
      this.state.reset(images);
      const { view } = this.state;
      // The page may be shown again.
      if (view !== undefined && view.files === this.state.files) this.viewport.follow(view);
      else this.viewport.fit();
    }
    // The controls stay as they are until the planes are there: a number may be being typed in them.
    await this.planes.load();
  }

  /** The slice shown. Undefined if the images have only one. */
  get slice(): number | undefined {
    return this.state.depth > 1 ? this.state.z : undefined;
  }

  /** Handles a key pressed anywhere on the page. */
  key(event: KeyboardEvent): void {
    // When an editor opens, no image has the focus yet.
    if (event.target === document.body) this.tiles.shown[0]?.key(event);
    runKey(this.keys, event);
  }

  private newTiles(): RowTiles {
    const { state } = this;
    return new RowTiles(state, this.similar, this.viewport, this.options.wheelZooms, {
      goTo: (z) => this.goTo(z),
      cut: (pixel) => {
        this.findSimilar(pixel);
        if (!state.orthogonal) return;
        state.cross = pixel;
        void this.load();
      },
      swipeTo: (share) => this.swipeTo(share),
    });
  }

  private newToolbar(): ViewToolbar {
    return new ViewToolbar(this.viewport, {
      stepped: (z) => this.goTo(z),
      switched: (which, on) => this.switch(which, on),
      compared: (pair) => {
        this.state.pair = pair;
        this.update();
      },
      swiped: (share) => this.swipeTo(share),
      copy: () => void this.copy(),
      save: () => void this.save(),
      help: () => this.showKeys(),
    });
  }

  private newKeys(): readonly RowKey[] {
    const { state, colors } = this;
    return rowKeys(state, {
      goTo: (z) => this.goTo(z),
      toggle: (which) => this.switch(which, !state.switches[which]),
      swipeTo: (share) => this.swipeTo(share),
      stepChannel: (by) => colors.stepChannel(by),
      showAllChannels: () => colors.showAllChannels(),
      stepLut: () => colors.stepLut(),
      automaticContrast: () => colors.automaticContrast(),
      copy: () => void this.copy(),
      save: () => void this.save(),
      showKeys: () => this.showKeys(),
    });
  }

  private get menu(): readonly MenuItem[] {
    return [
      { label: "Copy Picture", run: () => void this.copy() },
      { label: "Save Picture as PNG…", run: () => void this.save() },
      { label: "Fit", run: () => this.viewport.fit() },
      { label: "True Size (100 %)", run: () => this.viewport.trueSize() },
      { label: "Show Keys", run: () => this.showKeys() },
    ];
  }

  /** Stores the view after each change of it. */
  private storeViews(): void {
    const { state, viewport } = this;
    const store = sparingly(STORE_MS, () => this.options.changed(state.settings));
    viewport.onChange(() => {
      const { zoom, center } = viewport;
      state.view = { zoom, center, files: state.files };
      store();
    });
  }

  private showKeys(): void {
    showKeys(this.keys, this.options.wheelZooms);
  }

  private goTo(z: number): void {
    this.state.chosenZ = Math.min(this.state.depth - 1, Math.max(0, z));
    this.settingsChanged();
  }

  private switch(which: Switch, on: boolean): void {
    this.state.switches = { ...this.state.switches, [which]: on };
    this.settingsChanged();
  }

  /** Compares the features at a pixel with those of all other places, if the row shows features. */
  private findSimilar({ y, x }: Pixel): void {
    const { pictured, maximum, z } = this.state;
    if (pictured !== undefined && !maximum) void this.similar.pick(pictured.image.path, [z, y, x]);
  }

  private swipeTo(share: number): void {
    this.state.swipeShare = Math.min(1, Math.max(0, share));
    this.update();
  }

  private settingsChanged(): void {
    this.options.changed(this.state.settings);
    void this.load();
  }

  private async load(): Promise<void> {
    this.showControls();
    await this.planes.load();
  }

  private update(): void {
    this.tiles.update();
    this.showControls();
  }

  private showControls(): void {
    const { state } = this;
    this.toolbar.show({
      z: state.z,
      depth: state.depth,
      switches: state.switches,
      offered: state.offered,
      titles: state.opened.map(({ image }) => image.title),
      pair: state.pair,
      swipeShare: state.swipeShare,
    });
    show(this.toolbar.element, state.opened.length > 0);
    this.colors.show();
  }

  private async copy(): Promise<void> {
    try {
      await copyPng(pictureOf(this.tiles.shown));
      this.toolbar.notify("Copied.");
    } catch (error) {
      this.toolbar.notify(`Not copied: ${errorMessage(error)}`);
    }
  }

  private async save(): Promise<void> {
    const [first] = this.state.opened;
    if (first === undefined) return;
    const stem = (first.summary?.label ?? first.image.title).replace(/\.[^.]*$/, "");
    try {
      this.options.save(`${stem}.png`, await pictureOf(this.tiles.shown));
    } catch (error) {
      this.toolbar.notify(`Not saved: ${errorMessage(error)}`);
    }
  }
}
