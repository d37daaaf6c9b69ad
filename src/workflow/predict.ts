/** Applying a model to images, patch by patch; an image may be larger than memory. */

import { type BlendedPart, Blender, sweepAxis, type TilePlace, Tiles } from "../data/blending.ts";
import type { NormalizedImage } from "../data/image-set.ts";
import { medianPadding, type PaddingFill } from "../data/median-padding.ts";
import { normalize } from "../data/normalization.ts";
import { AS_IT_IS, type Orientation } from "../data/orientation.ts";
import { SlidingWindow } from "../data/sliding-window.ts";
import { type Box, boxOf, cutPatch, enclosing, perAxis, type TilingSettings } from "../data/tiling.ts";
import { at, entryOf } from "../facts/checked-lists.ts";
import { type ImageShape, type Region, SAMPLE_ARRAYS, shapeOf, wholeRegion } from "../images/image.ts";
import type { Executable } from "../runtime/executable.ts";

/** Predicts patches: see `Task`. */
export interface PatchModel {
  readonly batchSize: number;
  readonly outputs: readonly string[];
  /** Number of channels of each output. Defaults to that of the image. */
  readonly channels?: number;
  /** Changes the outputs of a whole image, in place, by what is known only of all of it. */
  readonly complete?: (outputs: Readonly<Record<string, Float32Array>>) => Promise<void>;
  /**
   * Applies the model to at most a batch of patches `[z, y, x, channel]`.
   *
   * @param tiles the patches' numbers in their image: the same patch of the same image always gives the same
   * @param orientation the patches' orientation, if they were turned
   * @returns for each output, a patch of the same size for each patch
   */
  run(
    patches: readonly Float32Array[],
    tiles: readonly number[],
    orientation?: Orientation,
  ): Promise<Readonly<Record<string, readonly Float32Array[]>>>;
}

/** A program `[batch, (z,) y, x, channel]` as a model of patches; `feed` fills its inputs. */
export function compiledModel(
  executable: Executable,
  batchSize: number,
  feed: (
    inputs: Executable["inputs"],
    patches: readonly Float32Array[],
    tiles: readonly number[],
    orientation: Orientation,
  ) => void,
  channels?: number,
): PatchModel {
  return {
    batchSize,
    outputs: Object.keys(executable.outputs),
    channels,
    run: async (patches, tiles, orientation = AS_IT_IS) => {
      feed(executable.inputs, patches, tiles, orientation);
      await executable.run(0);
      const patchesOf = (all: Float32Array) => {
        const length = all.length / batchSize;
        return patches.map((_, sample) => all.subarray(sample * length, (sample + 1) * length));
      };
      return Object.fromEntries(
        Object.entries(executable.outputs).map(([name, all]) => [name, patchesOf(all)]),
      );
    },
  };
}

/** Reports the seconds of each run of a model. */
export function timed(model: PatchModel, spent: (seconds: number) => void): PatchModel {
  return {
    ...model,
    run: async (...given) => {
      const started = performance.now();
      const outputs = await model.run(...given);
      spent((performance.now() - started) / 1000);
      return outputs;
    },
  };
}

/** Joins the outputs of two models. */
export function together(first: PatchModel, second: PatchModel): PatchModel {
  return {
    batchSize: first.batchSize,
    channels: first.channels,
    outputs: [...first.outputs, ...second.outputs],
    run: async (...batch) => ({ ...(await first.run(...batch)), ...(await second.run(...batch)) }),
  };
}

/** Restricts a model to some of its outputs. */
export const withOutputs = (model: PatchModel, outputs: readonly string[]): PatchModel => ({
  ...model,
  outputs,
});

/** Observes a prediction, and can stop it. */
export interface Watch {
  progress(done: number, total: number): void;
  readonly signal: AbortSignal;
}

export interface PredictionSettings {
  readonly tiling: TilingSettings;
  /** The part of the image to predict. Defaults to all of it. */
  readonly region?: Region;
  /** Parts are multiples of these: the chunks of the file that they are written to. */
  readonly chunk?: Box;
  readonly watch?: Watch;
  /** Approximate limit of working memory. */
  readonly workingBytes?: number;
}

/** A finished part of an image, by output: `[z, y, x, channel]`. */
export interface PredictedPart {
  readonly region: Region;
  readonly values: Readonly<Record<string, Float32Array>>;
}

const WORKING_BYTES = 256 * 1024 * 1024;

/** Yields a model's blended outputs for an image, part by part. Throws the signal's reason when aborted. */
export async function* predictParts(
  model: PatchModel,
  image: NormalizedImage,
  settings: PredictionSettings,
): AsyncGenerator<PredictedPart> {
  const { tiling, watch, workingBytes = WORKING_BYTES } = settings;
  const { region = wholeRegion(image.info.shape), chunk = [1, 1, 1] } = settings;
  const tiles = new Tiles(image.info.shape, tiling);
  const blocks = blocksOf(tiles, model, image, await image.piece(), region, chunk, workingBytes);
  const placed = blocks.map((block) => ({ block, places: placesIn(tiles, block) }));
  const total = placed.reduce((sum, { places }) => sum + places.length, 0);
  let done = 0;
  const predicted = (count: number) => {
    done += count;
    watch?.progress(done, total);
    watch?.signal.throwIfAborted();
  };
  const fill = tiling.medianPadding ? await medianPadding(image, tiling) : undefined;
  for (const { block, places } of placed)
    yield* predictBlock(model, image, tiles, block, places, chunk, predicted, fill);
}

async function* predictBlock(
  model: PatchModel,
  image: NormalizedImage,
  tiles: Tiles,
  block: Region,
  places: readonly TilePlace[],
  chunk: Box,
  predicted: (count: number) => void,
  fill: PaddingFill | undefined,
): AsyncGenerator<PredictedPart> {
  const axis = sweepAxis(tiles.shape);
  const { patch } = tiles.tiling;
  const blenders = model.outputs.map((name) => [name, new Blender(tiles, block, model.channels)] as const);
  const shown = places.map((place) => enclosing(tiles.shape, tiles.start(place), patch));
  const window = new SlidingWindow(image.stored, tiles.shape, await image.piece(), around(shown));
  let taken = block.start[axis];
  for (let first = 0; first < places.length; first += model.batchSize) {
    const batch = places.slice(first, first + model.batchSize);
    // Layers before the first patch of the batch, reflections included, are not needed again.
    const { start, end } = around(shown.slice(first, first + model.batchSize));
    const stored = await window.cover(start[axis], end[axis]);
    const patches = batch.map((place) => {
      const start = tiles.start(place);
      const values = normalize(cutPatch(stored, tiles.shape, start, patch), image.channels);
      fill?.(values, start);
      return values;
    });
    const outputs = await model.run(
      patches,
      batch.map((place) => tiles.number(place)),
    );
    for (const [name, blender] of blenders)
      for (const [sample, values] of entryOf(outputs, name).slice(0, batch.length).entries())
        blender.add(at(batch, sample), values);
    predicted(batch.length);
    const next = places[first + model.batchSize];
    const finished = next === undefined ? block.end[axis] : tiles.predicted(axis, next[axis])[0];
    const until = next === undefined ? finished : Math.floor(finished / chunk[axis]) * chunk[axis];
    if (until <= taken) continue;
    taken = until;
    const parts = blenders.map(([name, blender]) => [name, blender.take(until)] as const);
    yield { region: at(parts, 0)[1].region, values: valuesOf(parts) };
  }
}

const valuesOf = (parts: readonly (readonly [string, BlendedPart])[]) =>
  Object.fromEntries(parts.map(([name, { values }]) => [name, values]));

/** Returns the number of patches that predict a region of an image. */
export const patchCount = (shape: ImageShape, tiling: TilingSettings, region: Region): number =>
  placesAlong(new Tiles(shape, tiling), region).reduce((count, places) => count * places.length, 1);

/** Returns the places of patches that predict any part of a region, by axis. */
const placesAlong = (tiles: Tiles, { start, end }: Region) =>
  perAxis((axis) => tiles.touching(axis, start[axis], end[axis]));

/** Returns the patches that predict any part of a block, in prediction order. */
function placesIn(tiles: Tiles, block: Region): TilePlace[] {
  const [alongZ, alongY, alongX] = placesAlong(tiles, block);
  return alongZ.flatMap((z) => alongY.flatMap((y) => alongX.map((x) => [z, y, x] as const)));
}

/** Returns the smallest region that contains all of these. */
function around(regions: readonly Region[]): Region {
  return {
    start: boxOf((axis) => regions.reduce((low, { start }) => Math.min(low, start[axis]), Infinity)),
    end: boxOf((axis) => regions.reduce((high, { end }) => Math.max(high, end[axis]), 0)),
  };
}

/**
 * Returns blocks that cover a region, each as long along the sweep axis as the region. Patches at block borders are predicted for
 * both blocks, so there are as few blocks as the working memory allows.
 */
function blocksOf(
  { shape, tiling: { patch } }: Tiles,
  model: PatchModel,
  { info }: NormalizedImage,
  piece: Box,
  { start, end }: Region,
  chunk: Box,
  workingBytes: number,
): Region[] {
  const axis = sweepAxis(shape);
  const channels = model.channels ?? shape[3];
  const summed = 4 * model.outputs.length * (channels / shape[3]) * (patch[axis] + 2 * chunk[axis]);
  const read = 2 * SAMPLE_ARRAYS[info.sampleType].BYTES_PER_ELEMENT * (patch[axis] + piece[axis]);
  const area = workingBytes / (shape[3] * (summed + read));
  const [height, width] = [axis === 0 ? end[1] - start[1] : 1, end[2] - start[2]];
  const whole = (size: number, axis: 1 | 2) => Math.max(1, Math.floor(size / chunk[axis])) * chunk[axis];
  const columns = height * patch[2] <= area ? area / height : Math.sqrt(area);
  const x = width * height <= area ? width : whole(columns, 2);
  const y = axis === 1 ? end[1] - start[1] : Math.min(height, whole(area / Math.min(x, width), 1));
  return spans(start[1], end[1], y, chunk[1]).flatMap(([fromY, toY]) =>
    spans(start[2], end[2], x, chunk[2]).map(([fromX, toX]) => ({
      start: [start[0], fromY, fromX] as const,
      end: [end[0], toY, toX] as const,
    })),
  );
}

/** Returns spans of at most `size` that cover `[from, to)`, with borders at multiples of `chunk`. */
function spans(from: number, to: number, size: number, chunk: number): [number, number][] {
  if (to - from <= size) return [[from, to]];
  const border = Math.floor((from + size) / chunk) * chunk;
  return [[from, border], ...spans(border, to, size, chunk)];
}

/** Returns a model's outputs for a region of an image: `[z, y, x, channel]` each. */
export async function predictImage(
  model: PatchModel,
  image: NormalizedImage,
  settings: PredictionSettings,
): Promise<Record<string, Float32Array>> {
  const all = settings.region ?? wholeRegion(image.info.shape);
  const [depth, height, width, channels] = shapeOf(all, model.channels ?? image.info.shape[3]);
  const whole = model.outputs.map(
    (name) => [name, new Float32Array(depth * height * width * channels)] as const,
  );
  for await (const { region, values } of predictParts(model, image, settings)) {
    const length = (region.end[2] - region.start[2]) * channels;
    let from = 0;
    for (let z = region.start[0]; z < region.end[0]; z++)
      for (let y = region.start[1]; y < region.end[1]; y++) {
        const row = (z - all.start[0]) * height + y - all.start[1];
        const to = (row * width + region.start[2] - all.start[2]) * channels;
        for (const [name, target] of whole)
          target.set(entryOf(values, name).subarray(from, from + length), to);
        from += length;
      }
  }
  const outputs = Object.fromEntries(whole);
  await model.complete?.(outputs);
  return outputs;
}
