/** DATA.TRAIN.PROBABILITY_MAP: random patches around foreground more often than around background. */
import { at } from "../facts/checked-lists.ts";
import type { ImageShape } from "../images/image.ts";
import type { NormalizedImage } from "./image-set.ts";
import type { Random } from "./random.ts";
import { type Box, boxOf } from "./tiling.ts";

/** How often a patch is centered on any pixel of the foreground and of the background. Only their ratio matters. */
export interface PlaceWeights {
  readonly foreground: number;
  readonly background: number;
}

/** The foreground of one mask: pixels above 0 but for objects that touch the border of their slice, as in BiaPy. */
export class ForegroundPlaces {
  private constructor(
    private readonly shape: ImageShape,
    /** Indices of foreground pixels `[z, y, x]`, ascending. */
    private readonly foreground: Uint32Array,
    private readonly weights: PlaceWeights,
  ) {}

  /** Finds the foreground of a mask. */
  static async of(mask: NormalizedImage, weights: PlaceWeights): Promise<ForegroundPlaces> {
    const { shape } = mask.info;
    const [depth, height, width, channels] = shape;
    const plane = height * width;
    const found: number[] = [];
    for (let z = 0; z < depth; z++) {
      const { data } = await mask.cut([z, 0, 0], [1, height, width]);
      const above = new Uint8Array(plane);
      for (let index = 0; index < data.length; index++)
        if ((data[index] ?? 0) > 0) above[Math.floor(index / channels)] = 1;
      clearBorder(above, height, width);
      for (let pixel = 0; pixel < plane; pixel++) if (above[pixel] === 1) found.push(z * plane + pixel);
    }
    return new ForegroundPlaces(shape, Uint32Array.from(found), weights);
  }

  /** Draws where a patch starts: around a pixel, but within the image. */
  draw(size: Box, random: Random): Box {
    const [depth, height, width] = this.shape;
    const pixel = this.drawPixel(depth * height * width, random);
    const center = [Math.floor(pixel / (height * width)), Math.floor(pixel / width) % height, pixel % width];
    return boxOf((axis) => {
      const most = Math.max(this.shape[axis] - size[axis], 0);
      return Math.min(Math.max(at(center, axis) - Math.floor(size[axis] / 2), 0), most);
    });
  }

  private drawPixel(count: number, random: Random): number {
    const { foreground, weights } = this;
    const background = count - foreground.length;
    const ofForeground = foreground.length === 0 ? 0 : weights.foreground;
    const ofBackground = background === 0 ? 0 : weights.background;
    const all = ofForeground + ofBackground;
    if (all === 0) return random.integer(count);
    return random.uniform() * all < ofForeground
      ? at(foreground, random.integer(foreground.length))
      : this.backgroundPixel(random.integer(background));
  }

  /** Returns the background pixel that has `rank` background pixels before it. It follows all foreground pixels that have fewer. */
  private backgroundPixel(rank: number): number {
    let [from, to] = [0, this.foreground.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (at(this.foreground, middle) - middle > rank) to = middle;
      else from = middle + 1;
    }
    return rank + from;
  }
}

/** Clears pixels that are connected with the border, over edges and corners. */
function clearBorder(mask: Uint8Array, height: number, width: number): void {
  const waiting: number[] = [];
  const take = (y: number, x: number) => {
    if (y < 0 || x < 0 || y >= height || x >= width || mask[y * width + x] !== 1) return;
    mask[y * width + x] = 0;
    waiting.push(y * width + x);
  };
  for (let x = 0; x < width; x++) for (const y of [0, height - 1]) take(y, x);
  for (let y = 0; y < height; y++) for (const x of [0, width - 1]) take(y, x);
  for (let pixel = waiting.pop(); pixel !== undefined; pixel = waiting.pop()) {
    const [y, x] = [Math.floor(pixel / width), pixel % width];
    for (const dy of [-1, 0, 1]) for (const dx of [-1, 0, 1]) take(y + dy, x + dx);
  }
}
