/** A folder's images, normalized, as a whole or part by part. */
import { setImmediate } from "node:timers/promises";
import pLimit from "p-limit";
import { at, product } from "../facts/checked-lists.ts";
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
import { fixedNormalization, measureNormalization } from "./measure-normalization.ts";
import { type ChannelNormalization, type NormalizationSettings, normalize } from "./normalization.ts";
import { OpenFiles, requireSame } from "./open-files.ts";
import { type Box, boxOf, cutPatch, enclosing, type ImageRegion, reflected } from "./tiling.ts";

/** One image of a set. */
export interface NormalizedImage {
  readonly info: ImageInfo;
  readonly channels: readonly ChannelNormalization[];
  /** Returns the size of its stored pieces. Reading a part of a piece costs as much as reading all of it. */
  piece(): Promise<Box>;
  /** Yields its own values part by part, for measurements. Throws the reason of the set's signal when aborted. */
  parts(): AsyncIterable<Image>;
  /** Returns the box at `start` in the image's own values. Positions outside the image are mirrored. */
  cut(start: Box, size: Box): Promise<Image>;
  /** Returns the same box normalized, `[z, y, x, channel]`. */
  patch(start: Box, size: Box): Promise<Float32Array>;
  /** Returns a part of it normalized, `[z, y, x, channel]`. Defaults to all of it. */
  values(region?: Region): Promise<Float32Array>;
  /** Returns at least a part of it in the image's own values: all of it if that is in memory. */
  stored(region: Region): Promise<ImageRegion>;
}

/** Preprocessing of whole images before they are normalized and cut. */
export interface ImagePreparation {
  apply(image: Image): Image;
  /** Returns an image's properties afterwards. */
  result(info: ImageInfo): ImageInfo;
}

/** How images are read, prepared and normalized. */
export interface ImageSetSettings {
  readonly normalization: NormalizationSettings;
  /** Whether images stay in memory once read. Otherwise each request reads only its part. */
  readonly inMemory: boolean;
  /** The originals of these copies: copies are normalized like their originals, not by their own values. */
  readonly like?: ImageSet;
  /** Whether images are normalized by the numbers of `normalization` alone. */
  readonly fixed?: boolean;
  readonly preparation?: ImagePreparation;
  /** DATA.FORCE_RGB: repeats the only channel of grayscale images three times. */
  readonly threeChannels?: boolean;
  /** Images smaller than this box are completed to it by reflection, and measured as completed. */
  readonly completedTo?: Box;
  /** Ends the measurement of images, between two parts. */
  readonly signal?: AbortSignal;
}

const ONE_PIXEL: Box = [1, 1, 1];
/** Number of values measured per block. */
const PART_VALUES = 16 * 1024 * 1024;
/** Images of more values are measured {@link LARGE_AT_ONCE} at a time: many batches may be read at once, and a block of each would be in memory. */
const LARGE_VALUES = 4 * 1024 * 1024;
const LARGE_AT_ONCE = 2;

/** The images of a folder. Each is read and measured when it is first needed. Close the set after use. */
export class ImageSet {
  private readonly kept = new Map<number, Promise<ImageRegion>>();
  private readonly measured = new Map<number, Promise<readonly ChannelNormalization[]>>();
  private readonly files = new OpenFiles();
  private readonly fewLarge = pLimit(LARGE_AT_ONCE);

  /** The images after preparation. */
  readonly infos: readonly ImageInfo[];
  private latest: { readonly index: number; readonly image: Promise<ImageRegion> } | undefined;

  /** @param files the images as stored */
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

  /** Whether an image is read as a whole for each part of it: a preparation needs all of it, and only the last one is kept. */
  get readsWhole(): boolean {
    return !this.settings.inMemory && this.settings.preparation !== undefined;
  }

  /** Opens an image. Measures its normalization, unless that is known. */
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
    const piece = async () =>
      whole === undefined ? this.files.use(at(this.stored, index), ({ piece }) => piece) : ONE_PIXEL;
    const parts = () => this.measuredParts(whole, () => this.parts(index));
    return { info, channels, piece, parts, cut, patch, values, stored };
  }

  /** Returns some of the images as a new set. */
  subset(indices: readonly number[]): ImageSet {
    const { like } = this.settings;
    const stored = indices.map((index) => at(this.stored, index));
    return new ImageSet(stored, { ...this.settings, like: like?.subset(indices) });
  }

  /** Closes all open files. */
  close(): Promise<void> {
    return this.files.close();
  }

  /** Reads a part of an image that needs no preparation. */
  private async read(index: number, region: Region): Promise<Image> {
    const image = await this.files.use(at(this.stored, index), (source) => source.read(region));
    return this.settings.threeChannels ? repeatedChannel(image) : image;
  }

  /** Returns an image kept in memory, in its pixel type: integers take less memory than normalized values. */
  private async whole(index: number): Promise<ImageRegion | undefined> {
    const { inMemory, preparation, threeChannels } = this.settings;
    const stored = at(this.stored, index);
    const read = async () => {
      const image = await readImage(stored.path, stored.options);
      requireSame(stored, image);
      const prepared = preparation?.apply(image) ?? image;
      return { ...(threeChannels ? repeatedChannel(prepared) : prepared), start: [0, 0, 0] as const };
    };
    if (inMemory) return remembered(this.kept, index, read);
    if (!this.readsWhole) return undefined;
    if (this.latest?.index !== index) this.latest = { index, image: read() };
    return this.latest.image;
  }

  private measure(index: number): Promise<readonly ChannelNormalization[]> {
    const { like, fixed, normalization, completedTo = ONE_PIXEL } = this.settings;
    const { shape } = at(this.infos, index);
    if (fixed) return Promise.resolve(fixedNormalization(normalization, shape[3]));
    return remembered(this.measured, index, async () => {
      if (like !== undefined) return (await like.image(index)).channels;
      const completed = boxOf((axis) => Math.max(shape[axis], completedTo[axis]));
      const whole = await this.whole(index);
      const isComplete = completed.every((size, axis) => size === shape[axis]);
      const parts = isComplete
        ? () => this.measuredParts(whole, () => this.parts(index))
        : () => this.measuredParts(undefined, () => this.completedPlanes(index, completed));
      const measurement = () => measureNormalization(parts, shape[3], normalization);
      return product(completed) > LARGE_VALUES ? this.fewLarge(measurement) : measurement();
    });
  }

  /** Yields parts of an image in memory, or else of its file. Lets a stop request arrive between them. */
  private async *measuredParts(
    whole: Image | undefined,
    read: () => AsyncIterable<Image>,
  ): AsyncGenerator<Image> {
    for await (const part of whole === undefined ? read() : flatParts(whole)) {
      yield part;
      await setImmediate();
      this.settings.signal?.throwIfAborted();
    }
  }

  private async *parts(index: number): AsyncGenerator<Image> {
    const info = at(this.infos, index);
    const piece = await this.files.use(at(this.stored, index), (source) => source.piece);
    for (const region of storedParts(info.shape, piece, PART_VALUES)) yield this.read(index, region);
  }

  /** Completes the planes of a small image by reflection. */
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

/** Yields all pixels of an image in rows of any length: measurements do not depend on their places. */
function* flatParts({ shape, sampleType, data }: Image): Generator<Image> {
  const channels = shape[3];
  const pixels = Math.ceil(PART_VALUES / channels);
  for (let first = 0; first < data.length / channels; first += pixels) {
    const part = data.subarray(first * channels, (first + pixels) * channels);
    yield { shape: [1, 1, part.length / channels, channels], sampleType, data: part };
  }
}

const inThreeChannels = ([z, y, x, channels]: ImageShape): ImageShape => [
  z,
  y,
  x,
  channels === 1 ? 3 : channels,
];

/** Repeats the channel of a one-channel image three times. */
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
