/** Degraded copies of images that a network learns to restore (Franco-Barranco et al. 2022): noise, then down- and upsampling. */
import { LRUCache } from "lru-cache";
import { type ImageShape, sampleArray } from "../images/image.ts";
import { sweepAxis } from "./blending.ts";
import type { Layers } from "./layers.ts";
import type { Random } from "./random.ts";
import { neighbors, resize } from "./resize.ts";

/** How copies are degraded. */
export interface CrappifySettings {
  /** Factor by which the number of pixels shrinks: each side shrinks by its square root. */
  readonly resizingFactor: number;
  /** Deviation of the noise as a share of the brightest value. */
  readonly noise: number;
  /** Whether z shrinks too. */
  readonly ndim: 2 | 3;
}

/**
 * Yields the layers of an image's degraded copy, of the same size and pixel type. Only a few layers are in memory at a time.
 *
 * @param brightest the image's largest value
 */
export function crappify(
  image: Layers,
  brightest: number,
  { resizingFactor, noise, ndim }: CrappifySettings,
  random: Random,
): Layers {
  const { shape, sampleType } = image;
  const axis = sweepAxis(shape);
  const shrink = (size: number) => Math.max(1, Math.trunc(size / Math.sqrt(resizingFactor)));
  const small: ImageShape = [
    ndim === 3 ? shrink(shape[0]) : shape[0],
    shrink(shape[1]),
    shrink(shape[2]),
    shape[3],
  ];
  const one = ([, y, x, channels]: ImageShape): ImageShape => [1, axis === 0 ? y : 1, x, channels];
  const noisy = async (at: number) => {
    // Each layer has its own random numbers, so that the result does not depend on the order of layers.
    const own = random.fork(at);
    const layer = await image.layer(at);
    const values = new Float32Array(layer.length);
    for (let each = 0; each < values.length; each++)
      values[each] = Math.min(Math.max((layer[each] ?? 0) + noise * brightest * own.normal(), 0), brightest);
    return values;
  };
  const narrow = remembered(async (at) => resize(await noisy(at), one(shape), one(small)));
  const few = remembered((at) => between(narrow, shape[axis], small[axis], at));
  const whole = !sampleType.startsWith("float");
  return {
    shape,
    sampleType,
    layer: async (at) => {
      const values = resize(await between(few, small[axis], shape[axis], at), one(small), one(shape));
      const result = sampleArray(sampleType, values.length);
      for (let each = 0; each < result.length; each++)
        result[each] = whole ? Math.round(values[each] ?? 0) : (values[each] ?? 0);
      return result;
    },
  };
}

type LayerAt = (at: number) => Promise<Float32Array>;

/** Caches the last few layers: neighbors are read again. */
function remembered(layer: LayerAt): LayerAt {
  const known = new LRUCache<number, Promise<Float32Array>>({ max: 4 });
  return (at) => {
    const found = known.get(at) ?? layer(at);
    known.set(at, found);
    return found;
  };
}

/** Interpolates layer `place` of `size` between `old` layers. */
async function between(layers: LayerAt, old: number, size: number, place: number): Promise<Float32Array> {
  if (old === size) return layers(place);
  const { below, above, share } = neighbors(place, old, size);
  const [lower, upper] = [await layers(below), await layers(above)];
  return lower.map((value, at) => value * (1 - share) + (upper[at] ?? 0) * share);
}
