/** A folder's images, normalised, as a whole or part by part. */
import { openImage } from "../images/files.ts";
import type { Image, ImageInfo, ImageShape, ImageSource } from "../images/image.ts";
import {
  type ChannelNormalisation,
  type ImageParts,
  measureNormalisation,
  type NormalisationSettings,
  normalise,
} from "./normalisation.ts";
import { type Box, cutPatch, reflected } from "./tiling.ts";

/** One image of a set. */
export interface NormalisedImage {
  readonly info: ImageInfo;
  readonly channels: readonly ChannelNormalisation[];
  /** The box that starts at `start`, `[z, y, x, channel]`; what lies outside the image is its mirror image. */
  patch(start: Box, size: Box): Promise<Float32Array>;
  /** All of it, `[z, y, x, channel]`. */
  whole(): Promise<Float32Array>;
}

export interface ImageSetSettings {
  readonly normalisation: NormalisationSettings;
  /** Keep images once read, as many as fit in `budgetBytes`; else read just the part that is asked for, every time. */
  readonly inMemory: boolean;
  readonly budgetBytes: number;
  /** Images that these are copies of: normalised as those are, not by their own values. */
  readonly like?: ImageSet;
}

/** Files kept open at once where parts are read. */
const MOST_OPEN = 16;
/** Values of a part that is measured at once. */
const PART_VALUES = 16 * 1024 * 1024;

export class ImageSet {
  private readonly kept = new Map<
    number,
    { readonly values: Float32Array; readonly image: NormalisedImage }
  >();
  private bytes = 0;
  private readonly measured = new Map<number, readonly ChannelNormalisation[]>();
  private readonly open = new Map<number, Promise<ImageSource>>();

  constructor(
    readonly infos: readonly ImageInfo[],
    private readonly settings: ImageSetSettings,
  ) {}

  async image(index: number): Promise<NormalisedImage> {
    return this.settings.inMemory ? this.keptImage(index) : this.imageByParts(index);
  }

  private async keptImage(index: number): Promise<NormalisedImage> {
    const known = this.kept.get(index);
    if (known !== undefined) {
      this.kept.delete(index);
      this.kept.set(index, known);
      return known.image;
    }
    const info = this.infos[index];
    const source = await openImage(info.path);
    const whole = await source.read().finally(() => source.close());
    const channels = await this.measure(index, () => [whole]);
    const values = normalise(whole, channels);
    const region = { start: [0, 0, 0] as const, shape: info.shape, values };
    const image = {
      info,
      channels,
      patch: async (start: Box, size: Box) => cutPatch(region, info.shape, start, size),
      whole: async () => values,
    };
    this.kept.set(index, { values, image });
    this.bytes += values.byteLength;
    for (const [oldest, entry] of this.kept) {
      if (this.bytes <= this.settings.budgetBytes || oldest === index) break;
      this.kept.delete(oldest);
      this.bytes -= entry.values.byteLength;
    }
    return image;
  }

  private async imageByParts(index: number): Promise<NormalisedImage> {
    const info = this.infos[index];
    const channels = await this.measure(index, () => this.parts(index));
    const patch = async (start: Box, size: Box) => {
      const box = enclosing(info.shape, start, size);
      const part = await (await this.source(index)).read(box);
      const region = { start: box.start, shape: part.shape, values: normalise(part, channels) };
      return cutPatch(region, info.shape, start, size);
    };
    const [z, y, x] = info.shape;
    return { info, channels, patch, whole: () => patch([0, 0, 0], [z, y, x]) };
  }

  private async measure(index: number, parts: ImageParts): Promise<readonly ChannelNormalisation[]> {
    const known = this.measured.get(index);
    if (known !== undefined) return known;
    const { like, normalisation } = this.settings;
    const channels =
      like === undefined
        ? await measureNormalisation(parts, this.infos[index].shape[3], normalisation)
        : (await like.image(index)).channels;
    this.measured.set(index, channels);
    return channels;
  }

  /** Bands of rows of each slice. */
  private async *parts(index: number): AsyncGenerator<Image> {
    const [depth, height, width, channels] = this.infos[index].shape;
    const source = await this.source(index);
    const rows = Math.max(1, Math.floor(PART_VALUES / (width * channels)));
    for (let z = 0; z < depth; z++)
      for (let y = 0; y < height; y += rows)
        yield source.read({ start: [z, y, 0], end: [z + 1, Math.min(y + rows, height), width] });
  }

  private async source(index: number): Promise<ImageSource> {
    let source = this.open.get(index);
    this.open.delete(index);
    source ??= openImage(this.infos[index].path);
    this.open.set(index, source);
    if (this.open.size > MOST_OPEN) {
      const [[oldest, closing]] = this.open;
      this.open.delete(oldest);
      await (await closing).close();
    }
    return source;
  }
}

/** The part of an image that a box shows, reflections included. */
function enclosing([depth, height, width]: ImageShape, start: Box, size: Box): { start: Box; end: Box } {
  const spans = [depth, height, width].map((full, axis) => {
    let [least, most] = [full, 0];
    for (let at = start[axis]; at < start[axis] + size[axis]; at++) {
      const position = reflected(at, full);
      least = Math.min(least, position);
      most = Math.max(most, position + 1);
    }
    return [least, most];
  });
  return {
    start: spans.map(([least]) => least) as unknown as Box,
    end: spans.map(([, most]) => most) as unknown as Box,
  };
}
