/** A folder's images, normalised, as a whole or part by part. */
import { readImage } from "../images/files.ts";
import { type Image, type ImageInfo, type ImageShape, type Region, wholeRegion } from "../images/image.ts";
import {
  type ChannelNormalisation,
  measureNormalisation,
  type NormalisationSettings,
  normalise,
} from "./normalisation.ts";
import { OpenFiles } from "./open-files.ts";
import { type Box, boxOf, cutPatch, enclosing, type ImageRegion, reflected } from "./tiling.ts";

/** One image of a set. */
export interface NormalisedImage {
  readonly info: ImageInfo;
  readonly channels: readonly ChannelNormalisation[];
  /** The size of the pieces that it is stored in: part of one costs as much to read as all of it. */
  piece(): Promise<Box>;
  /** The box that starts at `start`, `[z, y, x, channel]`; what lies outside the image is its mirror image. */
  patch(start: Box, size: Box): Promise<Float32Array>;
  /** A part of it, `[z, y, x, channel]`: all of it where none is named. */
  values(region?: Region): Promise<Float32Array>;
  /** A part as it is stored, not normalised; more than was asked for where more is in memory. */
  stored(region: Region): Promise<ImageRegion>;
}

export interface ImageSetSettings {
  readonly normalisation: NormalisationSettings;
  /** Keep images once read; else read just the part that is asked for, every time. */
  readonly inMemory: boolean;
  /** Images that these are copies of: normalised as those are, not by their own values. */
  readonly like?: ImageSet;
  /** Images smaller than this box are completed to it by reflection, and measured as completed. */
  readonly completedTo?: Box;
}

const ONE_PIXEL: Box = [1, 1, 1];
/** Values of a part that is measured at once. */
const PART_VALUES = 16 * 1024 * 1024;

export class ImageSet {
  private readonly kept = new Map<number, Promise<ImageRegion>>();
  private readonly measured = new Map<number, Promise<readonly ChannelNormalisation[]>>();
  private readonly files = new OpenFiles();

  constructor(
    readonly infos: readonly ImageInfo[],
    private readonly settings: ImageSetSettings,
  ) {}

  async image(index: number): Promise<NormalisedImage> {
    const info = this.infos[index];
    const { inMemory } = this.settings;
    const whole = inMemory ? await this.keep(index) : undefined;
    const channels = await this.measure(index);
    const stored = async (region: Region): Promise<ImageRegion> =>
      whole ?? { ...(await this.files.use(info, (source) => source.read(region))), start: region.start };
    const patch = async (start: Box, size: Box) => {
      const region = await stored(enclosing(info.shape, start, size));
      return normalise(cutPatch(region, info.shape, start, size), channels);
    };
    const values = ({ start, end }: Region = wholeRegion(info.shape)) =>
      patch(start, [end[0] - start[0], end[1] - start[1], end[2] - start[2]]);
    const piece = async () => (whole === undefined ? this.files.use(info, ({ piece }) => piece) : ONE_PIXEL);
    return { info, channels, piece, patch, values, stored };
  }

  /** Closes the files that parts have been read from. */
  close(): Promise<void> {
    return this.files.close();
  }

  /** Reads an image once and keeps it as it is stored: integers take less room than normalised values. */
  private keep(index: number): Promise<ImageRegion> {
    const { path, options } = this.infos[index];
    const read = async () => ({ ...(await readImage(path, options)), start: [0, 0, 0] as const });
    return remembered(this.kept, index, read);
  }

  private measure(index: number): Promise<readonly ChannelNormalisation[]> {
    const { like, normalisation, inMemory, completedTo = ONE_PIXEL } = this.settings;
    const { shape } = this.infos[index];
    return remembered(this.measured, index, async () => {
      if (like !== undefined) return (await like.image(index)).channels;
      const completed = boxOf((axis) => Math.max(shape[axis], completedTo[axis]));
      const whole = inMemory ? await this.keep(index) : undefined;
      const asStored = whole === undefined ? () => this.parts(index) : () => [whole];
      const isComplete = completed.every((size, axis) => size === shape[axis]);
      const parts = isComplete ? asStored : () => this.completedPlanes(index, completed);
      return measureNormalisation(parts, shape[3], normalisation);
    });
  }

  private async *parts(index: number): AsyncGenerator<Image> {
    const info = this.infos[index];
    const piece = await this.files.use(info, (source) => source.piece);
    for (const region of storedParts(info.shape, piece, PART_VALUES))
      yield this.files.use(info, (source) => source.read(region));
  }

  /** The planes of a small image, completed: those that reflection repeats come again. */
  private async *completedPlanes(index: number, completed: Box): AsyncGenerator<Image> {
    const info = this.infos[index];
    const [depth, height, width] = info.shape;
    for (let z = 0; z < completed[0]; z++) {
      const from = reflected(z - (completed[0] - depth), depth);
      const plane = { start: [from, 0, 0], end: [from + 1, height, width] } as const;
      const read = await this.files.use(info, (source) => source.read(plane));
      const start: Box = [from, height - completed[1], width - completed[2]];
      yield cutPatch({ ...read, start: plane.start }, info.shape, start, [1, completed[1], completed[2]]);
    }
  }
}

function remembered<T>(known: Map<number, Promise<T>>, index: number, make: () => Promise<T>): Promise<T> {
  const found = known.get(index) ?? make();
  known.set(index, found);
  return found;
}

/** Boxes that cover an image along the pieces it is stored in, each of about `most` values where a piece is not larger. */
export function storedParts(shape: ImageShape, piece: Box, most: number): Region[] {
  const size = [...piece];
  for (const axis of [2, 1, 0]) {
    const others = size.reduce(
      (product, each, other) => (other === axis ? product : product * each),
      shape[3],
    );
    const pieces = Math.max(1, Math.floor(most / (others * piece[axis])));
    size[axis] = Math.min(shape[axis], pieces * piece[axis]);
  }
  const regions: Region[] = [];
  for (let z = 0; z < shape[0]; z += size[0])
    for (let y = 0; y < shape[1]; y += size[1])
      for (let x = 0; x < shape[2]; x += size[2]) {
        const start: Box = [z, y, x];
        regions.push({ start, end: boxOf((axis) => Math.min(start[axis] + size[axis], shape[axis])) });
      }
  return regions;
}
