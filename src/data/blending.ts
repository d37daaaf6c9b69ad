/** Merges predicted patches without seams while they are predicted. Only unfinished parts are in memory. */
import { at as itemAt } from "../facts/checked-lists.ts";
import type { ImageShape, Region } from "../images/image.ts";
import {
  type Axis,
  type AxisTiles,
  type Box,
  perAxis,
  type TileGrid,
  type TilingSettings,
  tileGrid,
} from "./tiling.ts";

/**
 * Returns a patch's weights along one axis: 1 in the middle, falling toward both ends over the pixels shared with its neighbors by
 * the smooth step t² / (t² + (1 - t)²).
 */
function taperedWeights(size: number, shared: number): Float64Array {
  const weights = new Float64Array(size).fill(1);
  const tapered = Math.min(shared, Math.floor(size / 2));
  for (let index = 0; index < tapered; index++) {
    const t = (index + 1) / (tapered + 1);
    const weight = t ** 2 / (t ** 2 + (1 - t) ** 2 + 1e-8);
    weights[index] = weight;
    weights[size - 1 - index] = weight;
  }
  return weights;
}

/**
 * Returns the weight of each patch along one axis at each position that it predicts. The weights of a position add up to one. Padding
 * and positions outside the image have weight zero.
 */
function sharesAlong(size: number, { starts, shared, padding }: AxisTiles, patch: number): Float64Array[] {
  const weights = taperedWeights(patch - 2 * padding, shared);
  const total = new Float64Array(size);
  const each = (start: number, visit: (position: number, inner: number) => void) => {
    for (let inner = 0; inner < weights.length; inner++) {
      const position = start + padding + inner;
      if (position >= 0 && position < size) visit(position, inner);
    }
  };
  for (const start of starts)
    each(start, (position, inner) => {
      total[position] = (total[position] ?? 0) + (weights[inner] ?? 0);
    });
  return starts.map((start) => {
    const shares = new Float64Array(patch);
    each(start, (position, inner) => {
      shares[padding + inner] = (weights[inner] ?? 0) / (total[position] ?? 1);
    });
    return shares;
  });
}

/** A tile's indices in the grid along z, y and x. */
export type TilePlace = readonly [z: number, y: number, x: number];

/** Returns the axis along which an image is processed: z for a stack, y for a plane. */
export const sweepAxis = ([depth]: ImageShape): 0 | 1 => (depth > 1 ? 0 : 1);

type Shares = readonly Float64Array[];

/** The tiles of an image, with the weight of each at every position. */
export class Tiles {
  readonly grid: TileGrid;
  /** For each axis and tile: its weight at each of its positions. */
  readonly shares: readonly [z: Shares, y: Shares, x: Shares];

  constructor(
    readonly shape: ImageShape,
    readonly tiling: TilingSettings,
  ) {
    this.grid = tileGrid(shape, tiling);
    this.shares = perAxis((axis) => sharesAlong(shape[axis], this.grid[axis], tiling.patch[axis]));
  }

  /** Returns a tile's number among all tiles of the image, whichever part is predicted. */
  number([z, y, x]: TilePlace): number {
    const [, alongY, alongX] = this.grid;
    return (z * alongY.starts.length + y) * alongX.starts.length + x;
  }

  /** Returns a tile's first pixel. It lies outside the image where padding reaches beyond the border. */
  start(place: TilePlace): Box {
    return perAxis((axis) => itemAt(this.grid[axis].starts, place[axis]));
  }

  /** Returns the positions `[from, to)` along an axis that a tile predicts within the image. */
  predicted(axis: Axis, place: number): readonly [from: number, to: number] {
    const { starts, padding } = this.grid[axis];
    const start = itemAt(starts, place);
    return [
      Math.max(start + padding, 0),
      Math.min(start + this.tiling.patch[axis] - padding, this.shape[axis]),
    ];
  }

  /** Returns the tiles along an axis that predict any of the positions `[from, to)`. */
  touching(axis: Axis, from: number, to: number): number[] {
    return [...this.grid[axis].starts.keys()].filter((place) => {
      const [first, last] = this.predicted(axis, place);
      return first < to && last > from;
    });
  }
}

/** Finished layers of a block: planes of a stack, rows of a plane. */
export interface BlendedPart {
  readonly region: Region;
  /** `[z, y, x, channel]` */
  readonly values: Float32Array;
}

/** Sums the weighted patches of a block. Layers that no further patch touches are removed. */
export class Blender {
  private readonly axis: 0 | 1;
  private sums: Float32Array;
  /** Layers before this one have been taken. */
  private taken: number;

  constructor(
    private readonly tiles: Tiles,
    private readonly block: Region,
    private readonly channels = tiles.shape[3],
  ) {
    this.axis = sweepAxis(tiles.shape);
    this.taken = block.start[this.axis];
    this.sums = new Float32Array(0);
  }

  private get layerSize(): number {
    const { start, end } = this.block;
    const columns = (end[2] - start[2]) * this.channels;
    return this.axis === 0 ? (end[1] - start[1]) * columns : columns;
  }

  /** @param values the predicted patch, `[z, y, x, channel]` */
  add(place: TilePlace, values: Float32Array): void {
    const { tiles, block, axis } = this;
    const { patch } = tiles.tiling;
    const { channels } = this;
    const origin = perAxis((each) => (each === axis ? this.taken : block.start[each]));
    const spans = perAxis((each) => {
      const [from, to] = tiles.predicted(each, place[each]);
      return [Math.max(from, origin[each]), Math.min(to, block.end[each])] as const;
    });
    if (spans.some(([from, to]) => from >= to)) return;
    this.grow(spans[axis][1] - this.taken);
    const start = tiles.start(place);
    const [sharesZ, sharesY, sharesX] = perAxis((each) => itemAt(tiles.shares[each], place[each]));
    const [rows, columns] = [block.end[1] - origin[1], block.end[2] - origin[2]];
    const { sums } = this;
    for (let z = spans[0][0]; z < spans[0][1]; z++)
      for (let y = spans[1][0]; y < spans[1][1]; y++) {
        const share = (sharesZ[z - start[0]] ?? 0) * (sharesY[y - start[1]] ?? 0);
        let to = (((z - origin[0]) * rows + y - origin[1]) * columns + spans[2][0] - origin[2]) * channels;
        let from =
          (((z - start[0]) * patch[1] + y - start[1]) * patch[2] + spans[2][0] - start[2]) * channels;
        const [first, last] = [spans[2][0] - start[2], spans[2][1] - start[2]];
        // The usual case, and the cost of blending large images: one channel in one loop.
        if (channels === 1)
          for (let x = first; x < last; x++, to++, from++)
            sums[to] = (sums[to] ?? 0) + share * (sharesX[x] ?? 0) * (values[from] ?? 0);
        else
          for (let x = first; x < last; x++) {
            const weight = share * (sharesX[x] ?? 0);
            for (let channel = 0; channel < channels; channel++, to++, from++)
              sums[to] = (sums[to] ?? 0) + weight * (values[from] ?? 0);
          }
      }
  }

  private grow(layers: number): void {
    const needed = layers * this.layerSize;
    if (needed <= this.sums.length) return;
    const larger = new Float32Array(needed);
    larger.set(this.sums);
    this.sums = larger;
  }

  /** Removes and returns the layers up to `until`. No more patches may be added to them. */
  take(until: number): BlendedPart {
    const { block, axis } = this;
    this.grow(until - this.taken);
    const size = (until - this.taken) * this.layerSize;
    const values = this.sums.slice(0, size);
    this.sums.copyWithin(0, size);
    this.sums.fill(0, this.sums.length - size);
    const along = (sides: Region["start"], at: number): Region["start"] =>
      axis === 0 ? [at, sides[1], sides[2]] : [sides[0], at, sides[2]];
    const region = { start: along(block.start, this.taken), end: along(block.end, until) };
    this.taken = until;
    return { region, values };
  }
}
