/** Reads TIFF files: classic and BigTIFF, strips and tiles, and the layouts of microscopes, ImageJ, OME and tifffile. */
import pLimit from "p-limit";
import { at, atLeast } from "../facts/checked-lists.ts";
import { rowMajor } from "../facts/row-major.ts";
import { FileBytes } from "./file-bytes.ts";
import { type SampleArray, sampleArray } from "./image.ts";
import type { Probe } from "./stored-array.ts";
import { readRows, readWindow, type Window } from "./tiff-blocks.ts";
import { compressionName } from "./tiff-compressions.ts";
import { TiffFile } from "./tiff-directory.ts";
import { isRaw, packedBytes, pageSampleType, typeName } from "./tiff-page.ts";
import { type Plane, planeIndex, type Series } from "./tiff-planes.ts";
import { readSeries } from "./tiff-series.ts";

/** Opens a TIFF. Reads directories only. Takes over the file if it is open already. Throws {@link ImageError}. */
export async function probeTiff(path: string, file?: FileBytes): Promise<Probe> {
  const bytes = file ?? (await FileBytes.open(path));
  let series: Series | undefined;
  const close = async () => {
    await series?.close?.();
    await bytes.close();
  };
  try {
    const found = await readSeries(await TiffFile.open(bytes));
    series = found;
    const { first, shape } = found;
    const samples = first.samples > 1 ? [first.samples] : [];
    // Few files of a set are open: a second reader would close the file that the first one reads.
    const atOnce = pLimit(found.files === undefined ? Number.POSITIVE_INFINITY : 1);
    const behind = (await found.plane(0)).start !== undefined;
    return {
      format: found.format,
      axes: found.axes,
      storedType: typeName(first.type),
      compression: compressionName(first.compression),
      pixelSize: found.pixelSize,
      others: found.others,
      files: found.files,
      array: {
        shape: [...shape, first.height, first.width, ...samples],
        sampleType: pageSampleType(first.type),
        chunks: [
          ...shape.map(() => 1),
          behind || isRaw(first) ? 1 : Math.min(first.blockHeight, first.height),
          Math.min(first.blockWidth, first.width),
          ...samples,
        ],
        read: (ranges) => atOnce(() => readPlanes(found, ranges)),
        check: () => atOnce(() => found.check()),
        close,
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readPlanes(series: Series, ranges: readonly (readonly [number, number])[]) {
  const { shape, first } = series;
  const outer = ranges.slice(0, shape.length);
  const [[y0, y1], [x0, x1]] = atLeast(ranges.slice(shape.length), 2, "A box of a plane");
  const window: Window = [x0, y0, x1, y1];
  const sizes = ranges.map(([from, to]) => to - from);
  const strides = rowMajor(sizes);
  const count = outer.reduce((product, [from, to]) => product * (to - from), 1);
  const planeSize = (y1 - y0) * (x1 - x0) * first.samples;
  if (count === 1) {
    const plane = await series.plane(
      planeIndex(
        outer.map(([from]) => from),
        shape,
      ),
    );
    return { data: await readPlane(plane, window), strides };
  }
  const data: SampleArray = sampleArray(pageSampleType(first.type), count * planeSize);
  const steps = rowMajor(sizes.slice(0, shape.length));
  for (let number = 0; number < count; number++) {
    const place = outer.map(
      ([from], axis) => from + (Math.floor(number / at(steps, axis)) % at(sizes, axis)),
    );
    const plane = await series.plane(planeIndex(place, shape));
    data.set(await readPlane(plane, window), number * planeSize);
  }
  return { data, strides };
}

function readPlane({ page, start }: Plane, window: Window): Promise<SampleArray> {
  if (start === undefined) return readWindow(page, window);
  const rowBytes = packedBytes(page.type, page.width * page.samples);
  return readRows(page, (y) => start + y * rowBytes, window);
}
