import { element, setText, show } from "../dom.ts";
import { button, checkbox, dropdown, type Picker, type Toggle } from "../toolkit.ts";
import { isRgb, MOST_COMPOSITE } from "./colours.ts";
import { type Contrast, ContrastRanges, USUAL_CONTRAST } from "./contrast.ts";
import { ContrastControl } from "./contrast-control.ts";
import type { ImageClient } from "./image-client.ts";
import { ImageTile, type Pixel } from "./image-tile.ts";
import { differenceContent, imageContent, type OpenedImage, type RowImage } from "./opened-image.ts";
import type { PlaneImage, Range } from "./plane-image.ts";
import { Stepper } from "./stepper.ts";
import { Viewport } from "./viewport.ts";

/** What a row keeps when its page is shown again. */
export interface RowSettings {
  readonly z?: number;
  readonly channel?: number;
  readonly composite?: boolean;
  readonly contrast?: Contrast;
  readonly difference?: boolean;
}

export interface RowOptions {
  readonly settings?: RowSettings;
  readonly wheelZooms: boolean;
  /** Which slice comes first. */
  readonly start: "first" | "middle";
  changed(settings: RowSettings): void;
}

/** The owner of a range that all images have. */
const SHARED = "all";

/** Images side by side: one slice, one contrast, one view and one cursor for all of them. */
export class ImageRow {
  readonly element: HTMLElement;
  private readonly viewport = new Viewport();
  private readonly ranges = new ContrastRanges();
  private readonly tiles: ImageTile[] = [];
  private readonly differenceTile: ImageTile;
  private readonly tileRow: HTMLElement;
  private readonly contrastControl: ContrastControl;
  private readonly zControl: Stepper;
  private readonly channelControl: Stepper;
  private readonly composite: Toggle;
  private readonly differenceToggle: Toggle;
  private readonly operands: { readonly a: Picker; readonly b: Picker; readonly element: HTMLElement };
  private readonly zoomText: HTMLElement;
  private readonly spoken: HTMLElement;

  private opened: readonly OpenedImage[] = [];
  /** The slice; nothing until there are images or a person chose one. */
  private chosenZ: number | undefined;
  private channel = 0;
  private showsComposite: boolean | undefined;
  private contrast: Contrast;
  private showsDifference: boolean;
  private difference: readonly [a: number, b: number] = [0, 1];
  private cursor: Pixel | undefined;
  private loading = false;
  private stale = false;
  /** Counts what was asked to be opened, and tells which of that is shown; at first there is nothing of either. */
  private opening = 0;
  private openedLast: number | undefined;

  constructor(
    private readonly client: ImageClient,
    private readonly options: RowOptions,
  ) {
    const { settings = {} } = options;
    this.chosenZ = settings.z;
    this.channel = settings.channel ?? 0;
    this.showsComposite = settings.composite;
    this.contrast = settings.contrast ?? USUAL_CONTRAST;
    this.showsDifference = settings.difference ?? false;

    this.zControl = new Stepper("Slice (z)", (z) => {
      this.chosenZ = z;
      this.settingsChanged();
    });
    this.channelControl = new Stepper("Channel", (channel) => {
      this.channel = channel;
      this.settingsChanged();
    });
    this.composite = checkbox("All channels in colour", false, (checked) => {
      this.showsComposite = checked;
      this.settingsChanged();
    });
    this.differenceToggle = checkbox("Difference", this.showsDifference, (checked) => {
      this.showsDifference = checked;
      this.settingsChanged();
    });
    this.operands = this.operandPickers();
    this.contrastControl = new ContrastControl(this.contrast, {
      changed: (contrast) => this.contrastChanged(contrast),
      ranged: (range) => this.rangeChosen(range),
    });
    this.zoomText = element("span", { class: "zoom-text" });
    this.spoken = element("div", { class: "spoken", "aria-live": "polite" });
    this.differenceTile = this.newTile();
    this.tileRow = element("div", { class: "tiles" });
    this.element = element(
      "div",
      { class: "image-row" },
      element(
        "div",
        { class: "toolbar", role: "group", "aria-label": "View" },
        this.zControl.element,
        this.channelControl.element,
        this.composite.element,
        this.differenceToggle.element,
        this.operands.element,
        this.zoomButtons(),
      ),
      this.contrastControl.element,
      this.tileRow,
      this.spoken,
    );
    this.viewport.onChange(() => this.showZoom());
    this.showZoom();
    this.showBusy();
  }

  /**
   * Shows images. Slice, view and contrast stay as they are where `same` says that these are newer versions of the same
   * images.
   */
  async show(images: readonly RowImage[], same: boolean): Promise<void> {
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
    if (!same) {
      this.ranges.reset();
      this.viewport.fit();
      this.difference = usualDifference(images);
    }
    this.channel = Math.min(this.channel, this.channels - 1);
    await this.load();
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

  /** Few channels are shown in their colours; of many, one at a time, unless a person asks for all. */
  private get compositeShown(): boolean {
    const { channels } = this;
    if (channels < 2 || channels > MOST_COMPOSITE) return false;
    return this.showsComposite ?? channels <= 3;
  }

  private settingsChanged(): void {
    this.options.changed({
      z: this.chosenZ,
      channel: this.channel,
      composite: this.showsComposite,
      contrast: this.contrast,
      difference: this.showsDifference,
    });
    void this.load();
  }

  private contrastChanged(contrast: Contrast): void {
    // By hand, a range goes on from where it is.
    if (contrast.mode !== "manual") this.ranges.reset();
    this.contrast = contrast;
    this.settingsChanged();
  }

  private rangeChosen(range: Range): void {
    for (const [index] of this.opened.entries()) this.ranges.set(this.owner(index), this.channel, range);
    this.showTiles();
  }

  /** Whose range an image has: one for all, where they share it and their values are of one kind, or its own. */
  private owner(index: number): string {
    const { image, summary } = this.opened[index];
    const alike = summary?.sampleType === this.opened[0].summary?.sampleType;
    return this.contrast.shared && alike ? SHARED : image.path;
  }

  /** Reads the planes of the chosen slice. While that lasts further choices wait, and only the last of them is read. */
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
        if (!this.stale) this.prefetch(z + 1);
      }
    } while (this.stale);
    this.loading = false;
    this.showBusy();
  }

  private async withPlanes(opened: OpenedImage): Promise<OpenedImage> {
    const { image, summary } = opened;
    if (summary === undefined) return opened;
    const [depth, , , channels] = summary.shape;
    const z = Math.min(this.z, depth - 1);
    const shown = this.shownChannels(channels);
    try {
      const planes = new Array<PlaneImage | undefined>(channels).fill(undefined);
      await Promise.all(
        shown.map(async (channel) => {
          planes[channel] = await this.client.plane(image.path, z, channel);
        }),
      );
      return { image, summary, planes };
    } catch (error) {
      return { image, summary, failure: (error as Error).message };
    }
  }

  private shownChannels(channels: number): number[] {
    if (this.compositeShown) return Array.from({ length: channels }, (_, channel) => channel);
    return [Math.min(this.channel, channels - 1)];
  }

  /** The next slice is asked for before it is wanted. */
  private prefetch(z: number): void {
    for (const { image, summary } of this.opened) {
      if (summary === undefined || z >= summary.shape[0]) continue;
      for (const channel of this.shownChannels(summary.shape[3]))
        this.client.plane(image.path, z, channel).catch(() => {});
    }
  }

  /** Until the images asked for are there, those of before are seen to be of before. */
  private showBusy(): void {
    this.tileRow.setAttribute("aria-busy", String(this.loading || this.opening !== this.openedLast));
  }

  private showControls(): void {
    this.zControl.show(this.z, this.depth);
    this.channelControl.show(this.channel, this.channels);
    show(this.composite.element, this.channels > 1 && this.channels <= MOST_COMPOSITE);
    this.composite.checked = this.compositeShown;
    const several = this.opened.length > 1;
    show(this.differenceToggle.element, several);
    show(this.operands.element, several && this.showsDifference);
    const choices = this.opened.map(({ image }, index) => ({ value: String(index), label: image.title }));
    this.operands.a.show(choices, String(this.difference[0]));
    this.operands.b.show(choices, String(this.difference[1]));
  }

  private showTiles(): void {
    while (this.tiles.length < this.opened.length) this.tiles.push(this.newTile());
    const tiles = this.tiles.slice(0, this.opened.length);
    for (const [index, tile] of tiles.entries()) {
      const opened = this.opened[index];
      tile.setTitle(opened.image.title);
      if (opened.failure !== undefined) tile.fail(opened.failure);
      else {
        const content = imageContent(opened, this.z, (channel, plane) => this.rangeOf(index, channel, plane));
        if (content !== undefined) tile.show(content);
      }
    }
    const withDifference = this.showsDifference && this.opened.length > 1;
    if (withDifference) this.showDifference();
    const shown = [...tiles, ...(withDifference ? [this.differenceTile] : [])].map((tile) => tile.element);
    if (
      shown.some((tile, index) => this.tileRow.children[index] !== tile) ||
      shown.length !== this.tileRow.children.length
    )
      this.tileRow.replaceChildren(...shown);
    this.showContrast();
  }

  private rangeOf(index: number, channel: number, plane: PlaneImage): Range {
    const { mode } = this.contrast;
    const { summary } = this.opened[index];
    // A camera's colours keep their balance, and their whole range at first.
    if (mode === "auto" && summary !== undefined && isRgb(summary.shape[3], summary.sampleType)) {
      return this.ranges.rangeFor({ ...this.contrast, mode: "whole" }, this.owner(index), channel, plane);
    }
    // With one range for all it is the first image's, whichever image's planes came first.
    const owner = this.owner(index);
    const first = this.opened.find(
      ({ planes }, at) => this.owner(at) === owner && planes?.[channel] !== undefined,
    );
    return this.ranges.rangeFor(this.contrast, owner, channel, first?.planes?.[channel] ?? plane);
  }

  private showDifference(): void {
    const [a, b] = this.difference.map((index) => this.opened[index]);
    this.differenceTile.setTitle(`${a.image.title} − ${b.image.title}`);
    const content = differenceContent(a, b, this.channel);
    if (typeof content === "string") this.differenceTile.fail(content);
    else this.differenceTile.show(content);
  }

  private showContrast(): void {
    const index = this.opened.findIndex(({ planes }) => planes !== undefined);
    const plane = this.opened[index]?.planes?.[this.channel] ?? this.opened[index]?.planes?.[0];
    show(this.contrastControl.element, plane !== undefined);
    if (plane === undefined) return;
    this.contrastControl.show(plane, this.rangeOf(index, this.channel, plane), this.opened.length);
  }

  private newTile(): ImageTile {
    const events = {
      pointed: (pixel: Pixel | undefined) => this.point(pixel),
      stepped: (by: number) => this.zControl.stepBy(by),
    };
    return new ImageTile(this.viewport, events, this.options.wheelZooms);
  }

  private point(pixel: Pixel | undefined): void {
    this.cursor = pixel;
    for (const tile of [...this.tiles, this.differenceTile]) tile.point(pixel);
    if (pixel !== undefined) this.speak();
  }

  /** Values under the cursor for screen readers, when the cursor rests. */
  private speak(): void {
    const { cursor } = this;
    setTimeout(() => {
      if (cursor !== this.cursor) return;
      const values = this.opened.map(({ image }, index) => {
        const caption = this.tiles[index]?.element.querySelector("figcaption")?.textContent;
        return `${image.title} ${caption}`;
      });
      setText(this.spoken, values.join("; "));
    }, 400);
  }

  private operandPickers() {
    const a = dropdown("Difference: this image", (value) => {
      this.difference = [Number(value), this.difference[1]];
      this.showTiles();
    });
    const b = dropdown("Difference: minus this image", (value) => {
      this.difference = [this.difference[0], Number(value)];
      this.showTiles();
    });
    return { a, b, element: element("span", { class: "control" }, a.element, "−", b.element) };
  }

  private zoomButtons(): HTMLElement {
    const { viewport } = this;
    return element(
      "span",
      { class: "control zoom", role: "group", "aria-label": "Zoom" },
      button("−", () => viewport.zoomBy(1 / 1.5), { kind: "icon", label: "Zoom out" }),
      this.zoomText,
      button("+", () => viewport.zoomBy(1.5), { kind: "icon", label: "Zoom in" }),
      button("Fit", () => viewport.fit(), { label: "Show the whole image" }),
    );
  }

  private showZoom(): void {
    const { zoom } = this.viewport;
    setText(this.zoomText, `${zoom < 10 ? Number(zoom.toFixed(1)) : Math.round(zoom)}×`);
  }
}

/** A reconstruction beside its original, where they are there; else the last image beside the first. */
function usualDifference(images: readonly RowImage[]): readonly [number, number] {
  const place = (title: string) => images.findIndex((image) => image.title === title);
  const reconstruction = Math.max(place("Reconstruction"), place("Prediction"));
  const original = Math.max(place("Original"), place("Input"));
  if (reconstruction >= 0 && original >= 0) return [reconstruction, original];
  return [images.length - 1, 0];
}
