import type { PlaneView } from "../../protocol/panel-messages.ts";
import { contextMenu } from "../context-menu.ts";
import { element, setText, show } from "../dom.ts";
import { copyPng } from "../png.ts";
import { ChannelList } from "./channel-list.ts";
import { type Channels, channelStates, lutOf, nextLut, onlyChannel, visibleChannels } from "./channels.ts";
import { type Contrast, ContrastRanges, USUAL_CONTRAST } from "./contrast.ts";
import { ContrastControl } from "./contrast-control.ts";
import type { ImageClient } from "./image-client.ts";
import { ImageTile } from "./image-tile.ts";
import { type RowKey, showKeys } from "./keys-help.ts";
import { isRgb, LUTS } from "./luts.ts";
import {
  differenceContent,
  errorsContent,
  imageContent,
  type Look,
  layersOf,
  type OpenedImage,
  type Planes,
  type RowImage,
} from "./opened-image.ts";
import { OrthogonalTiles } from "./orthogonal-tiles.ts";
import { pictureOf } from "./picture.ts";
import type { PlaneImage, Range } from "./plane-image.ts";
import { SimilarPlaces } from "./similar-places.ts";
import type { Pixel, TileContent } from "./tile-content.ts";
import { type Pair, type Switch, ViewToolbar } from "./view-toolbar.ts";
import { Viewport } from "./viewport.ts";

/** What a row keeps when its page is shown again. */
export interface RowSettings {
  readonly z?: number;
  readonly channels?: Channels;
  readonly contrast?: Contrast;
  readonly switches?: Partial<Record<Switch, boolean>>;
}

export interface RowOptions {
  readonly settings?: RowSettings;
  readonly wheelZooms: boolean;
  /** Which slice comes first. */
  readonly start: "first" | "middle";
  changed(settings: RowSettings): void;
  /** Saves a picture where a person wants it. */
  save(name: string, png: Blob): void;
}

/** The owner of a range that all images share. */
const SHARED = "all";

const USUAL_SWITCHES: Readonly<Record<Switch, boolean>> = {
  maximum: false,
  orthogonal: false,
  swipe: false,
  difference: false,
  errors: true,
  scaleBar: true,
};

/** Images side by side: one slice, one contrast, one view and one cursor for all of them. */
export class ImageRow {
  readonly element: HTMLElement;
  private readonly viewport = new Viewport();
  private readonly ranges = new ContrastRanges();
  private readonly tiles: ImageTile[] = [];
  private readonly orthogonal: OrthogonalTiles[] = [];
  private readonly differenceTile: ImageTile;
  private readonly errorsTile: ImageTile;
  private readonly similarTile: ImageTile;
  private readonly similar: SimilarPlaces;
  private readonly tileRow = element("div", { class: "tiles" });
  private readonly toolbar: ViewToolbar;
  private readonly contrastControl: ContrastControl;
  private readonly channelList: ChannelList;
  private readonly colors: HTMLElement;
  private readonly spoken = element("div", { class: "spoken", "aria-live": "polite" });

  private opened: readonly OpenedImage[] = [];
  /** Undefined until there are images or a person chose a slice. */
  private chosenZ: number | undefined;
  private chosenChannels: Channels;
  private contrast: Contrast;
  private switches: Record<Switch, boolean>;
  private pair: Pair = [0, 1];
  private swipeShare = 0.5;
  /** Where sections along z are taken; undefined for the middle. */
  private cross: Pixel | undefined;
  private cursor: Pixel | undefined;
  private loading = false;
  private stale = false;
  /** Tracks the latest request, so that stale responses are dropped. */
  private opening = 0;
  private openedLast: number | undefined;

  constructor(
    private readonly client: ImageClient,
    private readonly options: RowOptions,
  ) {
    const { settings = {} } = options;
    this.chosenZ = settings.z;
    this.chosenChannels = settings.channels ?? {};
    this.contrast = settings.contrast ?? USUAL_CONTRAST;
    this.switches = { ...USUAL_SWITCHES, ...settings.switches };
    this.toolbar = new ViewToolbar(this.viewport, {
      stepped: (z) => this.goTo(z),
      switched: (which, on) => this.switch(which, on),
      compared: (pair) => {
        this.pair = pair;
        this.showTiles();
        this.showControls();
      },
      swiped: (share) => this.swipeTo(share),
      copy: () => void this.copy(),
      save: () => void this.save(),
      help: () => showKeys(this.keys),
    });
    this.contrastControl = new ContrastControl(this.contrast, (contrast) => this.contrastChanged(contrast));
    this.channelList = new ChannelList({
      visibility: (channel, visible) =>
        this.channelsChanged({ visible: { ...this.chosenChannels.visible, [channel]: visible } }),
      lut: (channel, lut) => this.channelsChanged({ luts: { ...this.chosenChannels.luts, [channel]: lut } }),
      ranged: (channel, range) => this.rangeChosen(channel, range),
    });
    this.colors = element(
      "div",
      { class: "toolbar contrast", role: "group", "aria-label": "Contrast" },
      this.contrastControl.element,
      this.channelList.element,
    );
    this.differenceTile = this.newTile(false);
    this.errorsTile = this.newTile(false);
    this.similarTile = this.newTile(false);
    this.similar = new SimilarPlaces(client, () => this.showTiles());
    this.element = element(
      "div",
      { class: "image-row" },
      this.toolbar.element,
      this.colors,
      this.tileRow,
      this.similar.element,
      this.spoken,
    );
    this.element.addEventListener("keydown", (event) => this.key(event));
    contextMenu(this.tileRow, () => [
      { label: "Copy Picture", run: () => void this.copy() },
      { label: "Save Picture as PNG…", run: () => void this.save() },
      { label: "Fit", run: () => this.viewport.fit() },
      { label: "True Size (100 %)", run: () => this.viewport.trueSize() },
      { label: "Show Keys", run: () => showKeys(this.keys) },
    ]);
    this.showBusy();
  }

  /**
   * Shows images. Slice, view and contrast stay where `same` says that these are newer versions of the same images.
   *
   * @param z the slice to start with
   */
  async show(images: readonly RowImage[], same: boolean, z?: number): Promise<void> {
    if (z !== undefined) this.chosenZ = z;
    const opening = ++this.opening;
    this.showBusy();
    const opened = await Promise.all(
      images.map(
        async (image): Promise<OpenedImage> =>
          this.client.open(image.path).then(
            (summary) => ({ image, summary }),
            (error: Error) => ({ image, failure: error.message }),
          ),
      ),
    );
    if (opening !== this.opening) return;
    this.opened = opened;
    this.openedLast = opening;
    if (same) this.similar.refresh();
    else {
      this.similar.reset();
      this.ranges.reset();
      this.viewport.fit();
      this.pair = usualPair(images);
      this.cross = undefined;
    }
    await this.load();
  }

  /** The slice that is shown; undefined where the images have one only. */
  get slice(): number | undefined {
    return this.depth > 1 ? this.z : undefined;
  }

  /** Handles a key anywhere on the page that no field wants. */
  key(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.altKey || isField(event.target)) return;
    const copies = event.key === "c" && (event.ctrlKey || event.metaKey);
    if ((event.ctrlKey || event.metaKey) && !copies) return;
    const found = this.keys.find(({ key, applies }) => key === event.key && (applies?.() ?? true));
    if (found === undefined) return;
    event.preventDefault();
    found.run();
  }

  private get keys(): readonly RowKey[] {
    const stack = () => this.depth > 1;
    const several = () => this.opened.length > 1;
    const channels = () => this.channels > 1;
    const flip = (which: Switch) => () => this.switch(which, !this.switches[which]);
    return [
      { key: "Home", label: "First slice", applies: stack, run: () => this.goTo(0) },
      { key: "End", label: "Last slice", applies: stack, run: () => this.goTo(this.depth - 1) },
      { key: "m", label: "Maximum over all slices", applies: stack, run: flip("maximum") },
      { key: "o", label: "Orthogonal views", applies: stack, run: flip("orthogonal") },
      { key: "d", label: "Difference", applies: several, run: flip("difference") },
      { key: "e", label: "Errors of a segmentation", applies: several, run: flip("errors") },
      { key: "w", label: "Swipe", applies: several, run: flip("swipe") },
      {
        key: "[",
        label: "Divider to the left",
        applies: () => this.swipes,
        run: () => this.swipeTo(this.swipeShare - 0.05),
      },
      {
        key: "]",
        label: "Divider to the right",
        applies: () => this.swipes,
        run: () => this.swipeTo(this.swipeShare + 0.05),
      },
      { key: ",", label: "Previous channel alone", applies: channels, run: () => this.stepChannel(-1) },
      { key: ".", label: "Next channel alone", applies: channels, run: () => this.stepChannel(1) },
      {
        key: "a",
        label: "All channels",
        applies: channels,
        run: () => this.channelsChanged({ visible: everything(this.channels) }),
      },
      { key: "l", label: "Next colors", run: () => this.stepLut() },
      {
        key: "r",
        label: "Automatic contrast",
        run: () => this.contrastChanged({ ...this.contrast, mode: "auto" }),
      },
      { key: "b", label: "Scale bar", applies: () => this.hasPixelSize, run: flip("scaleBar") },
      { key: "c", label: "Copy the picture", run: () => void this.copy() },
      { key: "s", label: "Save the picture", run: () => void this.save() },
      { key: "?", label: "Show keys", run: () => showKeys(this.keys) },
    ];
  }

  private get z(): number {
    const { depth } = this;
    const z = this.chosenZ ?? (this.options.start === "middle" ? depth >> 1 : 0);
    return Math.min(z, depth - 1);
  }

  private get depth(): number {
    return Math.max(1, ...this.opened.map(({ summary }) => summary?.shape[0] ?? 1));
  }

  private get channels(): number {
    return Math.max(1, ...this.opened.map(({ summary }) => summary?.shape[3] ?? 1));
  }

  private get maximum(): boolean {
    return this.switches.maximum && this.depth > 1;
  }

  private get showsOrthogonal(): boolean {
    return this.switches.orthogonal && this.depth > 1;
  }

  private get swipes(): boolean {
    return this.switches.swipe && this.opened.length > 1;
  }

  private get hasPixelSize(): boolean {
    return this.opened.some(({ summary }) => summary?.pixelSize !== undefined);
  }

  private goTo(z: number): void {
    this.chosenZ = Math.min(this.depth - 1, Math.max(0, z));
    this.settingsChanged();
  }

  private switch(which: Switch, on: boolean): void {
    this.switches = { ...this.switches, [which]: on };
    this.settingsChanged();
  }

  private swipeTo(share: number): void {
    this.swipeShare = Math.min(1, Math.max(0, share));
    this.showTiles();
    this.showControls();
  }

  private channelsChanged(change: Partial<Channels>): void {
    this.chosenChannels = { ...this.chosenChannels, ...change };
    this.settingsChanged();
  }

  private stepChannel(by: number): void {
    const shown = visibleChannels(this.chosenChannels, this.channels);
    const from = shown.length === 1 ? shown[0] + by : by > 0 ? 0 : this.channels - 1;
    const next = (from + this.channels) % this.channels;
    this.channelsChanged({ visible: onlyChannel(next, this.channels) });
  }

  private stepLut(): void {
    const [channel] = visibleChannels(this.chosenChannels, this.channels);
    const lut = nextLut(lutOf(this.chosenChannels, channel, this.channels));
    this.channelsChanged({ luts: { ...this.chosenChannels.luts, [channel]: lut } });
  }

  private settingsChanged(): void {
    this.options.changed({
      z: this.chosenZ,
      channels: this.chosenChannels,
      contrast: this.contrast,
      switches: this.switches,
    });
    void this.load();
  }

  private contrastChanged(contrast: Contrast): void {
    // A range chosen by hand starts from where it is.
    if (contrast.mode !== "manual") this.ranges.reset();
    this.contrast = contrast;
    this.settingsChanged();
  }

  private rangeChosen(channel: number, range: Range): void {
    for (const [index] of this.opened.entries()) this.ranges.set(this.owner(index), channel, range);
    if (this.contrast.mode === "manual") {
      this.showTiles();
      this.showControls();
    } else this.contrastChanged({ ...this.contrast, mode: "manual" });
  }

  /** Whose range an image has: one for all, where they share it and their values are of one kind, or its own. */
  private owner(index: number): string {
    const { image, summary } = this.opened[index];
    const alike = summary?.sampleType === this.opened[0].summary?.sampleType;
    return this.contrast.shared && alike ? SHARED : image.path;
  }

  /** Reads the planes of the chosen view. Meanwhile further choices wait, and only the last of them is read. */
  private async load(): Promise<void> {
    this.showControls();
    if (this.loading) {
      this.stale = true;
      return;
    }
    this.loading = true;
    this.showBusy();
    do {
      this.stale = false;
      const { opened: asked, z } = this;
      const opened = await Promise.all(asked.map((each) => this.withPlanes(each)));
      // Others were opened meanwhile.
      if (asked !== this.opened) this.stale = true;
      else {
        this.opened = opened;
        this.showTiles();
        this.showControls();
        if (!this.stale && !this.maximum) this.prefetch(z + 1);
      }
    } while (this.stale);
    this.loading = false;
    this.showBusy();
  }

  private async withPlanes(opened: OpenedImage): Promise<OpenedImage> {
    const { image, summary } = opened;
    if (summary === undefined) return opened;
    const [depth] = summary.shape;
    const z = Math.min(this.z, depth - 1);
    const cross = this.crossIn(summary.shape);
    try {
      const [planes, xz, yz] = await Promise.all([
        this.planes(image, summary.shape[3], this.maximum ? { kind: "maximum" } : { kind: "slice", z }),
        ...(this.showsOrthogonal
          ? [
              this.planes(image, summary.shape[3], { kind: "xz", y: cross.y }),
              this.planes(image, summary.shape[3], { kind: "yz", x: cross.x }),
            ]
          : []),
      ]);
      return { image, summary, planes, ...(xz && yz ? { sections: { xz, yz } } : {}) };
    } catch (error) {
      return { image, summary, failure: (error as Error).message };
    }
  }

  private async planes({ path }: RowImage, channels: number, view: PlaneView): Promise<Planes> {
    const planes = new Array<PlaneImage | undefined>(channels).fill(undefined);
    await Promise.all(
      this.shownChannels(channels).map(async (channel) => {
        planes[channel] = await this.client.plane(path, view, channel);
      }),
    );
    return planes;
  }

  /** The visible channels that an image has; its last where it has none of them. */
  private shownChannels(channels: number): number[] {
    const shown = visibleChannels(this.chosenChannels, this.channels).filter((channel) => channel < channels);
    return shown.length > 0 ? shown : [channels - 1];
  }

  private crossIn([, height, width]: readonly number[]): Pixel {
    const { x, y } = this.cross ?? { x: width >> 1, y: height >> 1 };
    return { x: Math.min(x, width - 1), y: Math.min(y, height - 1) };
  }

  /** Prefetches a slice. */
  private prefetch(z: number): void {
    for (const { image, summary } of this.opened) {
      if (summary === undefined || z >= summary.shape[0]) continue;
      for (const channel of this.shownChannels(summary.shape[3]))
        this.client.plane(image.path, { kind: "slice", z }, channel).catch(() => {});
    }
  }

  /** Marks the row as busy until the requested images are there. */
  private showBusy(): void {
    this.tileRow.setAttribute("aria-busy", String(this.loading || this.opening !== this.openedLast));
  }

  private showControls(): void {
    const several = this.opened.length > 1;
    const offered = new Set<Switch>([
      ...(this.depth > 1 ? (["maximum", "orthogonal"] as const) : []),
      ...(several ? (["swipe", "difference"] as const) : []),
      ...(this.titled("Ground truth") && this.titled("Prediction") ? (["errors"] as const) : []),
      ...(this.hasPixelSize ? (["scaleBar"] as const) : []),
    ]);
    this.toolbar.show({
      z: this.z,
      depth: this.depth,
      switches: this.switches,
      offered,
      titles: this.opened.map(({ image }) => image.title),
      pair: this.pair,
      swipeShare: this.swipeShare,
    });
    show(
      this.colors,
      this.opened.some(({ planes }) => planes !== undefined),
    );
    this.contrastControl.show(this.contrast, this.opened.length);
    this.channelList.show(
      channelStates(this.chosenChannels, this.channels, (channel) => {
        const index = this.opened.findIndex(({ planes }) => planes?.[channel] !== undefined);
        const plane = this.opened[index]?.planes?.[channel];
        return plane && { plane, range: this.rangeOf(index, channel) };
      }),
    );
  }

  private showTiles(): void {
    const contents = this.opened.map((opened, index) => imageContent(opened, this.lookOf(index)));
    const shown = this.swipes
      ? [this.showSwipe(contents)]
      : this.opened.map((opened, index) => this.showImage(opened, index, contents[index]));
    if (this.switches.difference && this.opened.length > 1) shown.push(this.showDifference());
    const errors = this.switches.errors ? this.showErrors() : undefined;
    if (errors !== undefined) shown.push(errors);
    const similar = this.showSimilar();
    if (similar !== undefined) shown.push(similar);
    const { children } = this.tileRow;
    if (shown.some((tile, at) => children[at] !== tile) || shown.length !== children.length)
      this.tileRow.replaceChildren(...shown);
  }

  private showImage(opened: OpenedImage, index: number, content: TileContent | undefined): HTMLElement {
    if (this.showsOrthogonal && opened.failure === undefined) {
      const tiles = this.orthogonalTiles(index);
      if (content !== undefined && opened.summary !== undefined)
        tiles.show(opened, content, this.lookOf(index), { ...this.crossIn(opened.summary.shape), z: this.z });
      return tiles.element;
    }
    const tile = this.tile(index);
    tile.setTitle(opened.image.title);
    if (opened.failure !== undefined) tile.fail(opened.failure);
    else if (content !== undefined)
      tile.show(
        opened === this.pictured ? { ...content, note: "Click a place to find similar ones." } : content,
      );
    return tile.element;
  }

  /** One image left of the divider, the other right of it. */
  private showSwipe(contents: readonly (TileContent | undefined)[]): HTMLElement {
    const [a, b] = this.pair;
    const tile = this.tile(0);
    const [left, right] = [contents[a], contents[b]];
    const [titleA, titleB] = [this.opened[a].image.title, this.opened[b].image.title];
    tile.setTitle(`${titleA} | ${titleB}`);
    const { planes } = this.opened[b];
    if (left === undefined || right === undefined || planes === undefined) {
      tile.fail("One of the images cannot be shown.");
    } else if (left.width !== right.width || left.height !== right.height) {
      tile.fail("These images are of different sizes.");
    } else
      tile.show({
        ...left,
        swipe: { layers: layersOf(planes, this.lookOf(b)), share: this.swipeShare },
        description: `${left.description}; right of the divider ${right.description}`,
        valueAt: (pixel) =>
          `${titleA} ${left.valueAt(pixel)}; ${titleB} ${right.valueAt(pixel).split("  ")[0]}`,
      });
    return tile.element;
  }

  /** Where a segmentation is wrong, over its image; nothing where no ground truth is shown. */
  private showErrors(): HTMLElement | undefined {
    const [prediction, truth] = [this.titled("Prediction"), this.titled("Ground truth")];
    if (prediction === undefined || truth === undefined) return undefined;
    this.errorsTile.setTitle("Errors");
    const content = errorsContent(this.titled("Original"), prediction, truth);
    if (typeof content === "string") this.errorsTile.fail(content);
    else this.errorsTile.show(content);
    return this.errorsTile.element;
  }

  /** How similar all places are to the picked one; nothing until a place was picked. */
  private showSimilar(): HTMLElement | undefined {
    const content = this.pictured && this.similar.content(this.pictured, this.z);
    if (content === undefined) return undefined;
    this.similarTile.setTitle("Similarity");
    this.similarTile.show(content);
    return this.similarTile.element;
  }

  /** The picture of features among the images. */
  private get pictured(): OpenedImage | undefined {
    return this.opened.find(({ summary }) => summary?.hasFeatures);
  }

  /** Compares the features at a pixel with those of all other places, where the row shows features. */
  private findSimilar({ y, x }: Pixel): void {
    const { pictured } = this;
    if (pictured !== undefined && !this.maximum) void this.similar.pick(pictured.image.path, [this.z, y, x]);
  }

  private titled(title: string): OpenedImage | undefined {
    return this.opened.find(({ image }) => image.title === title);
  }

  private showDifference(): HTMLElement {
    const [a, b] = this.pair.map((index) => this.opened[index]);
    this.differenceTile.setTitle(`${a.image.title} − ${b.image.title}`);
    const [channel] = this.shownChannels(this.channels);
    const content = differenceContent(a, b, channel);
    if (typeof content === "string") this.differenceTile.fail(content);
    else this.differenceTile.show(content);
    return this.differenceTile.element;
  }

  private lookOf(index: number): Look {
    return {
      z: this.z,
      maximum: this.maximum,
      scaleBar: this.switches.scaleBar,
      lutOf: (channel) => LUTS[lutOf(this.chosenChannels, channel, this.channels)],
      rangeOf: (channel) => this.rangeOf(index, channel),
    };
  }

  private rangeOf(index: number, channel: number): Range {
    const { planes, summary } = this.opened[index];
    const plane = planes?.[channel];
    if (plane === undefined) return { low: 0, high: 1 };
    const { mode } = this.contrast;
    // A camera's colors keep their balance, and their whole range at first.
    if (mode === "auto" && summary !== undefined && isRgb(summary.shape[3], summary.sampleType))
      return this.ranges.rangeFor({ ...this.contrast, mode: "whole" }, this.owner(index), channel, plane);
    // A shared range is the first image's, whichever image's planes came first.
    const owner = this.owner(index);
    const first = this.opened.find(
      ({ planes }, at) => this.owner(at) === owner && planes?.[channel] !== undefined,
    );
    return this.ranges.rangeFor(this.contrast, owner, channel, first?.planes?.[channel] ?? plane);
  }

  private tile(index: number): ImageTile {
    while (this.tiles.length <= index) this.tiles.push(this.newTile(this.tiles.length === 0));
    return this.tiles[index];
  }

  private orthogonalTiles(index: number): OrthogonalTiles {
    while (this.orthogonal.length <= index)
      this.orthogonal.push(
        new OrthogonalTiles(this.tile(this.orthogonal.length), this.viewport, this.options.wheelZooms, {
          picked: (place) => {
            const { x, y } = this.crossNow;
            this.cross = { x: place.x ?? x, y: place.y ?? y };
            this.goTo(place.z);
          },
          stepped: (by) => this.goTo(this.z + by),
        }),
      );
    return this.orthogonal[index];
  }

  private get crossNow(): Pixel {
    return this.crossIn(this.opened[0]?.summary?.shape ?? [1, 1, 1, 1]);
  }

  private newTile(leads: boolean): ImageTile {
    const events = {
      pointed: (pixel: Pixel | undefined) => this.point(pixel),
      picked: (pixel: Pixel) => {
        this.findSimilar(pixel);
        if (!this.showsOrthogonal) return;
        this.cross = pixel;
        void this.load();
      },
      stepped: (by: number) => this.goTo(this.z + by),
      swiped: (share: number) => this.swipeTo(share),
    };
    return new ImageTile(this.viewport, events, { wheelZooms: this.options.wheelZooms, leads });
  }

  private point(pixel: Pixel | undefined): void {
    this.cursor = pixel;
    for (const tile of [...this.tiles, this.differenceTile, this.errorsTile, this.similarTile])
      tile.point(pixel);
    if (pixel !== undefined) this.speak();
  }

  /** Says the values under the cursor to screen readers, when the cursor rests. */
  private speak(): void {
    const { cursor } = this;
    setTimeout(() => {
      if (cursor !== this.cursor) return;
      const values = this.opened.map(({ image }, index) => `${image.title} ${this.tiles[index]?.valueText}`);
      setText(this.spoken, values.join("; "));
    }, 400);
  }

  /** The tiles in the order in which they are on the page. */
  private get shownTiles(): ImageTile[] {
    const sections = this.orthogonal.flatMap((each) => each.tiles);
    const all = [...this.tiles, ...sections, this.differenceTile, this.errorsTile, this.similarTile].filter(
      ({ element }) => this.tileRow.contains(element),
    );
    return [...new Set(all)];
  }

  private async copy(): Promise<void> {
    try {
      await copyPng(pictureOf(this.shownTiles));
      this.toolbar.notify("Copied.");
    } catch (error) {
      this.toolbar.notify(`Not copied: ${(error as Error).message}`);
    }
  }

  private async save(): Promise<void> {
    const [first] = this.opened;
    if (first === undefined) return;
    const stem = (first.summary?.label ?? first.image.title).replace(/\.[^.]*$/, "");
    this.options.save(`${stem}.png`, await pictureOf(this.shownTiles));
  }
}

const everything = (channels: number): Record<number, boolean> =>
  Object.fromEntries(Array.from({ length: channels }, (_, channel) => [channel, true]));

/** Whether an element takes keys as text or for itself. */
const isField = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.matches("input, select, textarea, vscode-text-field");

/** A reconstruction beside its original, where they are there; else the last image beside the first. */
function usualPair(images: readonly RowImage[]): Pair {
  const place = (title: string) => images.findIndex((image) => image.title === title);
  const reconstruction = Math.max(place("Reconstruction"), place("Prediction"));
  const original = Math.max(place("Original"), place("Input"));
  if (reconstruction >= 0 && original >= 0) return [reconstruction, original];
  return [images.length - 1, 0];
}
