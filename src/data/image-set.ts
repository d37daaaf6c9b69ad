/** A folder's images, normalized, as a whole or part by part. */
import { at } from "../facts/checked-lists.ts";
import { readImage } from "../images/files.ts";
import {
  type Image,
  type ImageInfo,
  type ImageShape,
  type Region,
  sampleArray,
  wholeRegion,
} from "../images/image.ts";
import { storedParts } from "../images/parts.ts";
import {
  type ChannelNormalization,
  measureNormalization,
  type NormalizationSettings,
  normalize,
} from "./normalization.ts";
import { OpenFiles } from "./open-files.ts";
import { type Box, boxOf, cutPatch, enclosing, type ImageRegion, reflected } from "./tiling.ts";

/** One image of a set. */
export interface NormalizedImage {
  readonly info: ImageInfo;
  readonly channels: readonly ChannelNormalization[];
  /** The size of the pieces that it is stored in: part of one costs as much to read as all of it. */
  piece(): Promise<Box>;
  /** The box that starts at `start`, in the image's own values; what lies outside the image is its mirror image. */
  cut(start: Box, size: Box): Promise<Image>;
  /** The same, normalized: `[z, y, x, channel]`. */
  patch(start: Box, size: Box): Promise<Float32Array>;
  /** A part of it, `[z, y, x, channel]`: all of it where none is named. */
  values(region?: Region): Promise<Float32Array>;
  /** A part as it is stored, not normalized; more than was asked for where more is in memory. */
  stored(region: Region): Promise<ImageRegion>;
}

/** What is done to whole images before they are normalized and cut. */
export interface ImagePreparation {
  apply(image: Image): Image;
  /** What an image is like afterwards. */
  result(info: ImageInfo): ImageInfo;
}

export interface ImageSetSettings {
  readonly normalization: NormalizationSettings;
  /** Keep images once read; else read just the part that is asked for, every time. */
  readonly inMemory: boolean;
  /** Images that these are copies of: normalized as those are, not by their own values. */
  readonly like?: ImageSet;
  readonly preparation?: ImagePreparation;
  /** DATA.FORCE_RGB: images of one channel get three alike. */
  readonly threeChannels?: boolean;
  /** Images smaller than this box are completed to it by reflection, and measured as completed. */
  readonly completedTo?: Box;
}

const ONE_PIXEL: Box = [1, 1, 1];
/** Values of a part that is measured at once. */
const PART_VALUES = 16 * 1024 * 1024;

export class ImageSet {
  private readonly kept = new Map<number, Promise<ImageRegion>>();
  private readonly measured = new Map<number, Promise<readonly ChannelNormalization[]>>();
  private readonly files = new OpenFiles();

  /** The images as they come out. */
  readonly infos: readonly ImageInfo[];
  private latest: { readonly index: number; readonly image: Promise<ImageRegion> } | undefined;

  /** @param files the images as they are stored */
  constructor(
    private readonly stored: readonly ImageInfo[],
    private readonly settings: ImageSetSettings,
  ) {
    const { preparation, threeChannels = false } = settings;
    this.infos = stored.map((info) => {
      const prepared = preparation?.result(info) ?? info;
      return threeChannels ? { ...prepared, shape: inThreeChannels(prepared.shape) } : prepared;
    });
  }

  async image(index: number): Promise<NormalizedImage> {
    const info = at(this.infos, index);
    const whole = await this.whole(index);
    const channels = await this.measure(index);
    const stored = async (region: Region): Promise<ImageRegion> =>
      whole ?? { ...(await this.read(index, region)), start: region.start };
    const cut = async (start: Box, size: Box) =>
      cutPatch(await stored(enclosing(info.shape, start, size)), info.shape, start, size);
    const patch = async (start: Box, size: Box) => normalize(await cut(start, size), channels);
    const values = ({ start, end }: Region = wholeRegion(info.shape)) =>
      patch(start, [end[0] - start[0], end[1] - start[1], end[2] - start[2]]);
    const piece = async () => (whole === undefined ? this.files.use(info, ({ piece }) => piece) : ONE_PIXEL);
    return { info, channels, piece, cut, patch, values, stored };
  }

  /** Some of the images, as a set of their own. */
  subset(indices: readonly number[]): ImageSet {
    const { like } = this.settings;
    const stored = indices.map((index) => at(this.stored, index));
    return new ImageSet(stored, { ...this.settings, like: like?.subset(indices) });
  }

  /** Closes the files that parts have been read from. */
  close(): Promise<void> {
    return this.files.close();
  }

  /** Reads a part of an image that needs no preparation. */
  private async read(index: number, region: Region): Promise<Image> {
    const image = await this.files.use(at(this.stored, index), (source) => source.read(region));
    return this.settings.threeChannels ? repeatedChannel(image) : image;
  }

  /** A whole image where one is kept: in its pixel type, as integers take less room than normalized values. */
  private async whole(index: number): Promise<ImageRegion | undefined> {
    const { inMemory, preparation, threeChannels } = this.settings;
    const { path, options } = at(this.stored, index);
    const read = async () => {
      const image = await readImage(path, options);
      const prepared = preparation?.apply(image) ?? image;
      return { ...(threeChannels ? repeatedChannel(prepared) : prepared), start: [0, 0, 0] as const };
    };
    if (inMemory) return remembered(this.kept, index, read);
    if (preparation === undefined) return undefined;
    // Only the latest image that took preparation is kept.
    if (this.latest?.index !== index) this.latest = { index, image: read() };
    return this.latest.image;
  }

  private measure(index: number): Promise<readonly ChannelNormalization[]> {
    const { like, normalization, completedTo = ONE_PIXEL } = this.settings;
    const { shape } = at(this.infos, index);
    return remembered(this.measured, index, async () => {
      if (like !== undefined) return (await like.image(index)).channels;
      const completed = boxOf((axis) => Math.max(shape[axis], completedTo[axis]));
      const whole = await this.whole(index);
      const asStored = whole === undefined ? () => this.parts(index) : () => [whole];
      const isComplete = completed.every((size, axis) => size === shape[axis]);
      const parts = isComplete ? asStored : () => this.completedPlanes(index, completed);
      return measureNormalization(parts, shape[3], normalization);
    });
  }

  private async *parts(index: number): AsyncGenerator<Image> {
    const info = at(this.infos, index);
    const piece = await this.files.use(info, (source) => source.piece);
    for (const region of storedParts(info.shape, piece, PART_VALUES)) yield this.read(index, region);
  }

  /** The planes of a small image, completed: those that reflection repeats come again. */
  private async *completedPlanes(index: number, completed: Box): AsyncGenerator<Image> {
    const info = at(this.infos, index);
    const whole = await this.whole(index);
    const [depth, height, width] = info.shape;
    for (let z = 0; z < completed[0]; z++) {
      const from = reflected(z - (completed[0] - depth), depth);
      const plane = { start: [from, 0, 0], end: [from + 1, height, width] } as const;
      const read = whole ?? { ...(await this.read(index, plane)), start: plane.start };
      const start: Box = [from, height - completed[1], width - completed[2]];
      yield cutPatch(read, info.shape, start, [1, completed[1], completed[2]]);
    }
  }
}

const inThreeChannels = ([z, y, x, channels]: ImageShape): ImageShape => [
  z,
  y,
  x,
  channels === 1 ? 3 : channels,
];

/** An image of one channel with three that are alike. */
function repeatedChannel(image: Image): Image {
  if (image.shape[3] !== 1) return image;
  const data = sampleArray(image.sampleType, 3 * image.data.length);
  for (let index = 0; index < data.length; index++) data[index] = image.data[Math.floor(index / 3)] ?? 0;
  return { ...image, shape: inThreeChannels(image.shape), data };
}

function remembered<T>(known: Map<number, Promise<T>>, index: number, make: () => Promise<T>): Promise<T> {
  const found = known.get(index) ?? make();
  known.set(index, found);
  return found;
}
