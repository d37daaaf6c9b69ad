/** DATA.PREPROCESS.MEDIAN_BLUR: the median of a box around each pixel; beyond the border the nearest pixel is repeated. */
import { at as itemAt, product } from "../../facts/checked-lists.ts";
import { type Image, type ImageShape, sampleArray } from "../../images/image.ts";
import { shownAt } from "./grid.ts";

/**
 * Replaces each value by the median around it. Of an even number of values it takes the upper middle one.
 *
 * @param kernel the box's size along z, y, x and channel
 */
export function medianBlurred({ shape, sampleType, data }: Image, kernel: ImageShape): Image {
  const [depth, height, width, channels] = shape;
  const offsets = kernel.map((size) => Array.from({ length: size }, (_, at) => at - (size >> 1)));
  const near = (place: number, axis: number) =>
    itemAt(offsets, axis).map((offset) => shownAt(place + offset, itemAt(shape, axis), "nearest") ?? 0);
  const result = sampleArray(sampleType, data.length);
  const window = new Float64Array(product(kernel));
  const columns = Array.from({ length: width }, (_, x) => near(x, 2));
  const layers = Array.from({ length: channels }, (_, channel) => near(channel, 3));
  let to = 0;
  for (let z = 0; z < depth; z++) {
    const planes = near(z, 0);
    for (let y = 0; y < height; y++) {
      const rows = planes.flatMap((plane) => near(y, 1).map((row) => (plane * height + row) * width));
      for (let x = 0; x < width; x++)
        for (let channel = 0; channel < channels; channel++) {
          let filled = 0;
          for (const row of rows)
            for (const column of itemAt(columns, x))
              for (const layer of itemAt(layers, channel))
                window[filled++] = data[(row + column) * channels + layer] ?? 0;
          result[to++] = window.sort()[window.length >> 1] ?? 0;
        }
    }
  }
  return { shape, sampleType, data: result };
}
