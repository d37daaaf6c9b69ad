/** Which of the two images of a 2D weight gradient slides over the other one (blocked-weight-gradient.ts). */
import { zip } from "../../../facts/checked-lists.ts";
import type { ConvolutionAttributes } from "../../convolution.ts";
import { channelsOf, spaceOf } from "../../image-shape.ts";
import type { Traced } from "../layout.ts";

/** How one image slides over the other. Lists have an element for each axis of space. */
export interface Slide {
  readonly sliding: Traced;
  readonly fixed: Traced;
  /** Pixels of the sliding image for each pixel of the fixed one. */
  readonly stride: readonly number[];
  /** Zeros before and after the sliding image. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Number of places: the size of the weight's kernel. */
  readonly places: readonly number[];
  /** Channels in a block. */
  readonly block: number;
}

/**
 * Returns how the images slide. At stride 1 the one with fewer channels does, because it is copied once; `dy` then passes the places in
 * reverse order.
 */
export function slideOf(
  x: Traced,
  dy: Traced,
  { stride, padding, dilation, size }: ConvolutionAttributes,
  block: number,
): Slide | undefined {
  const fits = block > 0 && [x, dy].every((each) => channelsOf(each) % block === 0);
  if (!fits || size.length !== 2 || dilation.some((spacing) => spacing > 1)) return undefined;
  const slidesDy = channelsOf(dy) <= channelsOf(x) && stride.every((step) => step === 1);
  const [sliding, fixed] = slidesDy ? [dy, x] : [x, dy];
  const before = slidesDy ? zip(size, padding).map(([places, pad]) => places - 1 - pad) : padding;
  const after = zip(spaceOf(sliding), spaceOf(fixed), stride, before, size).map(
    ([pixels, others, step, pad, places]) => step * (others - 1) + places - pad - pixels,
  );
  if ([...before, ...after].some((zeros) => zeros < 0)) return undefined;
  return { sliding, fixed, stride, before, after, places: size, block };
}
