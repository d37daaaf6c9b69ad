/** Axes of an image `[batch, …space, channel]`, whether it is a tensor or traced. */
import { at, lastOf } from "../facts/checked-lists.ts";

interface Shaped {
  readonly shape: readonly number[];
}

export const batchOf = ({ shape }: Shaped): number => at(shape, 0);
export const channelsOf = ({ shape }: Shaped): number => lastOf(shape);
export const spaceOf = ({ shape }: Shaped): number[] => shape.slice(1, -1);
/** Returns the indices of the axes of space. */
export const spatialAxes = (image: Shaped): number[] => spaceOf(image).map((_, axis) => axis + 1);
