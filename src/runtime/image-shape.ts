/** What the shape of an image `[batch, …space, channel]` says, whether the image is a tensor or traced. */

interface Shaped {
  readonly shape: readonly number[];
}

export const channelsOf = ({ shape }: Shaped): number => shape[shape.length - 1];
export const spaceOf = ({ shape }: Shaped): number[] => shape.slice(1, -1);
