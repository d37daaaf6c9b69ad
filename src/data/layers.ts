/** Reads images layer by layer: planes of a stack, rows of a plane. */
import {
  type ImageShape,
  type ImageSource,
  type PixelSize,
  type Region,
  type SampleArray,
  type SampleType,
  sampleArray,
  wholeRegion,
} from "../images/image.ts";
import { oneChannel, type StripSource } from "../images/tiff-writer.ts";
import { sweepAxis } from "./blending.ts";
import { SlidingWindow } from "./sliding-window.ts";

/** An image as a list of layers. */
export interface Layers {
  readonly shape: ImageShape;
  readonly sampleType: SampleType;
  readonly pixelSize?: PixelSize;
  /** Reads a slice `[y, x, channel]` or a row `[x, channel]`. Fastest in ascending order. */
  layer(at: number): Promise<SampleArray>;
}

/** Returns the layers of an open file. */
export function layersOf(source: ImageSource): Layers {
  const { shape, sampleType, pixelSize } = source.info;
  const read = async (region: Region) => ({ ...(await source.read(region)), start: region.start });
  const window = new SlidingWindow(read, shape, source.piece, wholeRegion(shape));
  const axis = sweepAxis(shape);
  const size = (axis === 0 ? shape[1] : 1) * shape[2] * shape[3];
  return {
    shape,
    sampleType,
    pixelSize,
    layer: async (at) => {
      const { start, data } = await window.cover(at, at + 1);
      return data.subarray((at - start[axis]) * size, (at + 1 - start[axis]) * size);
    },
  };
}

/** Returns layers as the source of a TIFF. */
export function stripsOf(layers: Layers): StripSource {
  const { shape, sampleType, pixelSize } = layers;
  const [depth, , width, channels] = shape;
  let last: { readonly z: number; readonly plane: Promise<SampleArray> } | undefined;
  return {
    shape,
    sampleType,
    pixelSize,
    rows: async (z, channel, from, to) => {
      if (depth > 1) {
        // The channels of a slice are requested one after the other.
        if (last?.z !== z) last = { z, plane: layers.layer(z) };
        return oneChannel(await last.plane, channels, channel, from * width, (to - from) * width);
      }
      const rows: SampleArray[] = [];
      for (let y = from; y < to; y++)
        rows.push(oneChannel(await layers.layer(y), channels, channel, 0, width));
      const joined = sampleArray(sampleType, rows.length * width);
      rows.forEach((row, at) => {
        joined.set(row, at * width);
      });
      return joined;
    },
  };
}
