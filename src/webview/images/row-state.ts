import { IMAGE_TITLES } from "../../facts/image-titles.ts";
import type { ImageShape } from "../../facts/samples.ts";
import { type Channels, lutOf, visibleChannels } from "./channels.ts";
import { type Contrast, ContrastRanges, USUAL_CONTRAST } from "./contrast.ts";
import { isRgb, LUTS } from "./luts.ts";
import type { Look, OpenedImage, RowImage } from "./opened-image.ts";
import type { PlaneImage, Range } from "./plane-image.ts";
import type { Pixel } from "./tile-content.ts";
import type { Pair, Switch } from "./view-toolbar.ts";
import type { View } from "./viewport.ts";

/** The settings of a row that its page stores. */
export interface RowSettings {
  readonly z?: number;
  readonly channels?: Channels;
  readonly contrast?: Contrast;
  readonly switches?: Partial<Record<Switch, boolean>>;
  /** The visible part of the images in `files`. */
  readonly view?: View & { readonly files: string };
}

/** The slice shown first. */
export type StartSlice = "first" | "middle";

/** The key of a range that all images share. */
const SHARED = "all";

const USUAL_SWITCHES: Readonly<Record<Switch, boolean>> = {
  maximum: false,
  orthogonal: false,
  swipe: false,
  difference: false,
  errors: true,
  scaleBar: true,
};

/** The images of a row and how they are shown. Holds data only; {@link ImageRow} shows it. */
export class RowState {
  opened: readonly OpenedImage[] = [];
  /** Undefined until a slice is chosen. */
  chosenZ: number | undefined;
  chosenChannels: Channels;
  contrast: Contrast;
  switches: Readonly<Record<Switch, boolean>>;
  /** The images that swipe and difference compare. */
  pair: Pair = [0, 1];
  /** Position of the swipe divider: 0 (left edge) to 1 (right edge). */
  swipeShare = 0.5;
  view: RowSettings["view"];
  /** The pixel through which the sections along z run. Undefined for the middle. */
  cross: Pixel | undefined;
  readonly ranges = new ContrastRanges();

  constructor(
    settings: RowSettings,
    private readonly start: StartSlice,
  ) {
    this.chosenZ = settings.z;
    this.chosenChannels = settings.channels ?? {};
    this.contrast = settings.contrast ?? USUAL_CONTRAST;
    this.switches = { ...USUAL_SWITCHES, ...settings.switches };
    this.view = settings.view;
  }

  get settings(): RowSettings {
    return {
      z: this.chosenZ,
      channels: this.chosenChannels,
      contrast: this.contrast,
      switches: this.switches,
      view: this.view,
    };
  }

  /** The files of the opened images, as text. */
  get files(): string {
    return this.opened.map(({ image }) => image.path).join("\n");
  }

  /** Resets what depends on the images: contrast ranges, the compared pair, the sections. */
  reset(images: readonly RowImage[]): void {
    this.ranges.reset();
    this.pair = usualPair(images);
    this.cross = undefined;
  }

  get z(): number {
    const { depth } = this;
    const z = this.chosenZ ?? (this.start === "middle" ? depth >> 1 : 0);
    return Math.min(z, depth - 1);
  }

  /** Number of slices of the deepest image. */
  get depth(): number {
    return Math.max(1, ...this.opened.map(({ summary }) => summary?.shape[0] ?? 1));
  }

  /** Number of channels of the image that has the most. */
  get channels(): number {
    return Math.max(1, ...this.opened.map(({ summary }) => summary?.shape[3] ?? 1));
  }

  get maximum(): boolean {
    return this.switches.maximum && this.depth > 1;
  }

  get orthogonal(): boolean {
    return this.switches.orthogonal && this.depth > 1;
  }

  get several(): boolean {
    return this.opened.length > 1;
  }

  get swipes(): boolean {
    return this.switches.swipe && this.several;
  }

  get hasPixelSize(): boolean {
    return this.opened.some(({ summary }) => summary?.pixelSize !== undefined);
  }

  /** The switches that apply to the opened images. */
  get offered(): ReadonlySet<Switch> {
    return new Set<Switch>([
      ...(this.depth > 1 ? (["maximum", "orthogonal"] as const) : []),
      ...(this.several ? (["swipe", "difference"] as const) : []),
      ...(this.segmentation !== undefined ? (["errors"] as const) : []),
      ...(this.hasPixelSize ? (["scaleBar"] as const) : []),
    ]);
  }

  /** Returns the image that shows this of a run. */
  showing(role: keyof typeof IMAGE_TITLES): OpenedImage | undefined {
    return this.opened.find(({ image }) => image.title === IMAGE_TITLES[role]);
  }

  /** The classes of a segmentation and of its ground truth. Undefined if one of them is missing. */
  get segmentation(): { readonly prediction: OpenedImage; readonly truth: OpenedImage } | undefined {
    const [prediction, truth] = [this.showing("prediction"), this.showing("groundTruth")];
    return prediction?.image.labels && truth?.image.labels ? { prediction, truth } : undefined;
  }

  /** The picture of an encoder's features. Undefined if there is none. */
  get pictured(): OpenedImage | undefined {
    return this.opened.find(({ summary }) => summary?.hasFeatures);
  }

  /** The two images that swipe and difference compare. Undefined if there are not two. */
  get compared(): readonly [OpenedImage, OpenedImage] | undefined {
    const [a, b] = [this.opened[this.pair[0]], this.opened[this.pair[1]]];
    return a === undefined || b === undefined ? undefined : [a, b];
  }

  /** Indices of the visible channels, ascending; at least one. */
  get visible(): readonly [number, ...number[]] {
    return visibleChannels(this.chosenChannels, this.channels);
  }

  /** The visible channels of an image with this number of channels. Falls back to its last channel if it has none of them. */
  shownChannels(channels: number): readonly [number, ...number[]] {
    const [first, ...others] = this.visible.filter((channel) => channel < channels);
    return first === undefined ? [channels - 1] : [first, ...others];
  }

  /** The pixel of an image through which its sections along z run. */
  crossIn([, height, width]: ImageShape): Pixel {
    const { x, y } = this.cross ?? { x: width >> 1, y: height >> 1 };
    return { x: Math.min(x, width - 1), y: Math.min(y, height - 1) };
  }

  lookOf(opened: OpenedImage): Look {
    return {
      scaleBar: this.switches.scaleBar,
      // An image of one channel stays gray beside one of several.
      lutOf: (channel) =>
        LUTS[lutOf(this.chosenChannels, channel, opened.summary?.shape[3] ?? this.channels)],
      rangeOf: (channel) => this.rangeOf(opened, channel),
    };
  }

  /** Returns a channel's plane and contrast range in the first image that has it loaded. */
  shownOf(channel: number): { readonly plane: PlaneImage; readonly range: Range } | undefined {
    for (const opened of this.opened) {
      const plane = opened.planes?.[channel];
      if (plane !== undefined) return { plane, range: this.rangeOf(opened, channel) };
    }
    return undefined;
  }

  /** Sets the contrast range of a channel in all images. */
  setRange(channel: number, range: Range): void {
    for (const opened of this.opened) this.ranges.set(this.rangeKey(opened), channel, range);
  }

  private rangeOf(opened: OpenedImage, channel: number): Range {
    const { planes, summary } = opened;
    const plane = planes?.[channel];
    if (plane === undefined) return { low: 0, high: 1 };
    const key = this.rangeKey(opened);
    if (this.contrast.mode === "auto" && opened.image.labels) {
      const { high } = this.ranges.rangeFor({ ...this.contrast, percent: 0 }, key, channel, plane);
      return { low: 0, high: Math.max(1, high) };
    }
    // Photographs keep their color balance: automatic contrast starts with their whole range.
    if (this.contrast.mode === "auto" && summary !== undefined && isRgb(summary.shape[3], summary.sampleType))
      return this.ranges.rangeFor({ ...this.contrast, mode: "whole" }, key, channel, plane);
    // A shared range is the first image's, whichever image loaded first.
    const first = this.opened.find(
      (other) => this.rangeKey(other) === key && other.planes?.[channel] !== undefined,
    );
    return this.ranges.rangeFor(this.contrast, key, channel, first?.planes?.[channel] ?? plane);
  }

  /** Images share their ranges if the contrast says so and they have the first image's sample type; class numbers never do. */
  private rangeKey({ image, summary }: OpenedImage): string {
    const alike = summary?.sampleType === this.opened[0]?.summary?.sampleType && !image.labels;
    return this.contrast.shared && alike ? SHARED : image.path;
  }
}

/** A reconstruction and its original if both are there; otherwise the last image and the first. */
function usualPair(images: readonly RowImage[]): Pair {
  const place = (role: keyof typeof IMAGE_TITLES) =>
    images.findIndex((image) => image.title === IMAGE_TITLES[role]);
  const reconstruction = Math.max(place("reconstruction"), place("prediction"));
  const original = place("original");
  if (reconstruction >= 0 && original >= 0) return [reconstruction, original];
  return [images.length - 1, 0];
}
