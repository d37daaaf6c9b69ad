import { type ImageShape, type Region, SAMPLE_ARRAYS } from "../images/image.ts";
import { sweepAxis } from "./blending.ts";
import type { Box, ImageRegion } from "./tiling.ts";

/** The part of a block that is being worked on, moved along the sweep axis: each stored piece is read once. */
export class SlidingWindow {
  private held: ImageRegion | undefined;
  private readonly axis: 0 | 1;

  constructor(
    private readonly read: (region: Region) => Promise<ImageRegion>,
    private readonly shape: ImageShape,
    private readonly piece: Box,
    /** The range read along the other axes. */
    private readonly block: Region,
  ) {
    this.axis = sweepAxis(shape);
  }

  /** Returns a region that holds the layers `[from, to)`. Fast if `from` does not move back. */
  async cover(from: number, to: number): Promise<ImageRegion> {
    const { axis } = this;
    const held = this.held !== undefined && this.held.start[axis] <= from ? this.held : undefined;
    const end = held === undefined ? from : held.start[axis] + held.shape[axis];
    if (held !== undefined && end >= to) return held;
    const aligned = Math.ceil(to / this.piece[axis]) * this.piece[axis];
    const fresh = await this.read(this.layers(Math.max(end, from), Math.min(aligned, this.shape[axis])));
    this.held = held === undefined || fresh.start[axis] <= from ? fresh : joined(held, fresh, from, axis);
    return this.held;
  }

  private layers(from: number, to: number): Region {
    const { start, end } = this.block;
    return this.axis === 0
      ? { start: [from, start[1], start[2]], end: [to, end[1], end[2]] }
      : { start: [start[0], from, start[2]], end: [end[0], to, end[2]] };
  }
}

/** Joins the layers of `held` from `from` on with those of `fresh`. */
function joined(held: ImageRegion, fresh: ImageRegion, from: number, axis: 0 | 1): ImageRegion {
  const layer = fresh.data.length / fresh.shape[axis];
  const kept = held.data.subarray((from - held.start[axis]) * layer);
  const data = new SAMPLE_ARRAYS[fresh.sampleType](kept.length + fresh.data.length);
  data.set(kept);
  data.set(fresh.data, kept.length);
  const layers = data.length / layer;
  const [, height, width, channels] = fresh.shape;
  const [z, y, x] = held.start;
  return axis === 0
    ? { ...fresh, start: [from, y, x], shape: [layers, height, width, channels], data }
    : { ...fresh, start: [z, from, x], shape: [1, layers, width, channels], data };
}
