/** Imaris (.ims): each time point and channel is a dataset, padded to whole chunks (Bitplane, "Imaris 5.5 file format"). */
import * as h5wasm from "h5wasm/node";
import { at, atLeast, product } from "../facts/checked-lists.ts";
import { rowMajor } from "../facts/row-major.ts";
import { checkDataset, chunksOf, compressionOf, readDataset, textOf } from "./hdf5-dataset.ts";
import { ImageError, type SampleArray, sampleArray } from "./image.ts";
import { pixelSize } from "./pixel-size.ts";
import { readAs } from "./samples.ts";
import type { Probe } from "./stored-array.ts";

const LEVEL = "DataSet/ResolutionLevel 0";

/** Returns the image of an Imaris file; undefined for other files. */
export function imarisImage(path: string, file: h5wasm.File): Probe | undefined {
  if (!file.keys().includes("DataSetInfo") || !file.keys().includes("DataSet")) return undefined;
  const info = file.get("DataSetInfo/Image");
  const level = file.get(LEVEL);
  if (!(info instanceof h5wasm.Group) || !(level instanceof h5wasm.Group)) return undefined;
  const numbered = (group: h5wasm.Group, name: string) =>
    group.keys().filter((key) => key.startsWith(`${name} `)).length;
  const times = numbered(level, "TimePoint");
  const first = level.get("TimePoint 0");
  const channels = first instanceof h5wasm.Group ? numbered(first, "Channel") : 0;
  const datasets = Array.from({ length: times }, (_, time) =>
    Array.from({ length: channels }, (_, channel) => datasetOf(path, file, time, channel)),
  );
  const [[example] = []] = datasets;
  if (example === undefined) throw new ImageError(path, `${path}: is an Imaris file without channels.`);
  const type = checkDataset(path, example);
  if (datasets.flat().some((dataset) => checkDataset(path, dataset) !== type))
    throw new ImageError(path, `${path}: its Imaris channels differ in type, which is not read.`);
  const headerSize = (axis: string) => Number(textOf(info, axis));
  const [x, y, z] = [headerSize("X"), headerSize("Y"), headerSize("Z")];
  const stored = example.shape ?? [];
  const fits = stored.length === 3 && [z, y, x].every((size, axis) => size >= 1 && size <= at(stored, axis));
  if (!fits)
    throw new ImageError(
      path,
      `${path}: its Imaris header does not fit its datasets (${stored.join(" x ")}).`,
    );
  const extent = (axis: number, size: number) =>
    (Number(textOf(info, `ExtMax${axis}`)) - Number(textOf(info, `ExtMin${axis}`))) / size;
  return {
    format: "Imaris",
    axes: { order: "TCZYX", reason: "Imaris's layout" },
    storedType: type,
    compression: compressionOf(example),
    dataset: `${LEVEL}, ${channels} channel${channels === 1 ? "" : "s"}`,
    others: otherLevels(file),
    pixelSize: pixelSize({ z: extent(2, z), y: extent(1, y), x: extent(0, x) }, textOf(info, "Unit") ?? "um"),
    array: {
      shape: [times, channels, z, y, x],
      sampleType: readAs(type),
      chunks: [1, 1, ...chunksOf(example)],
      read: async (ranges) => {
        const [[firstTime, endTime], [firstChannel, endChannel], ...box] = atLeast(ranges, 2);
        const sizes = ranges.map(([from, to]) => to - from);
        const strides = rowMajor(sizes);
        const [timeStep, channelStep] = atLeast(strides, 2);
        const data: SampleArray = sampleArray(readAs(type), product(sizes));
        for (let time = firstTime; time < endTime; time++)
          for (let channel = firstChannel; channel < endChannel; channel++) {
            const part = readDataset(path, at(at(datasets, time), channel), type, box);
            data.set(part.data, (time - firstTime) * timeStep + (channel - firstChannel) * channelStep);
          }
        return { data, strides };
      },
      close: async () => {
        file.close();
      },
    },
  };
}

function datasetOf(path: string, file: h5wasm.File, time: number, channel: number): h5wasm.Dataset {
  const place = `${LEVEL}/TimePoint ${time}/Channel ${channel}/Data`;
  const found = file.get(place);
  if (found instanceof h5wasm.Dataset) return found;
  throw new ImageError(path, `${path}: lacks ${place}, which an Imaris file has.`);
}

function otherLevels(file: h5wasm.File): string[] {
  const levels = file.get("DataSet");
  return levels instanceof h5wasm.Group ? levels.keys().filter((key) => key !== "ResolutionLevel 0") : [];
}
