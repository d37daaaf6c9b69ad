/** Opens image files and reads single planes of them: what the image worker does, without its messages. */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { openImage } from "../../images/files.ts";
import {
  type Image,
  ImageError,
  type ImageShape,
  type ImageSource,
  type SampleArray,
  sampleArray,
} from "../../images/image.ts";
import type { ImageSummary, Plane } from "../../protocol/panel-messages.ts";

/** Larger planes are thinned out: a page of 64 million pixels of 16 bits is 128 MB. */
const MOST_PIXELS = 64 * 1024 * 1024;

/** Rows that are read at once of a plane that is thinned out. */
const BAND_ROWS = 1024;

const MOST_OPEN_FILES = 24;

/** Slices with all of their channels are kept up to this size, for the other channels are asked for next. */
const MOST_CACHED_BYTES = 256 * 1024 * 1024;

interface OpenFile {
  readonly source: ImageSource;
  /** Tells a file that was replaced from one that is as it was. */
  readonly version: string;
}

/** Open files and the slices read last. Errors are {@link ImageError}s. */
export class ImageStore {
  private readonly files = new Map<string, Promise<OpenFile>>();
  private readonly slices = new Map<string, Promise<Image & { readonly step: number }>>();

  /** What a file holds. A file that was replaced since it was opened is opened anew. */
  async open(path: string): Promise<ImageSummary> {
    const version = await fileVersion(path);
    const known = await this.files.get(path)?.catch(() => undefined);
    if (known !== undefined && known.version !== version) await this.forget(path);
    const { source } = await this.file(path, version);
    const { shape, sampleType } = source.info;
    return { path, label: basename(path), shape, sampleType };
  }

  /** One slice of one channel. */
  async plane(path: string, z: number, channel: number): Promise<Plane> {
    const slice = await this.slice(path, z);
    const [, height, width, channels] = slice.shape;
    const values = sampleArray(slice.sampleType, height * width);
    for (let pixel = 0; pixel < values.length; pixel++)
      values[pixel] = slice.data[pixel * channels + channel];
    return {
      height,
      width,
      sampleType: slice.sampleType,
      step: slice.step,
      values: values.buffer as ArrayBuffer,
    };
  }

  async close(): Promise<void> {
    for (const path of [...this.files.keys()]) await this.forget(path);
  }

  private async file(path: string, version: string): Promise<OpenFile> {
    const open = this.files.get(path) ?? openImage(path).then((source) => ({ source, version }));
    // The file used last comes last.
    this.files.delete(path);
    this.files.set(path, open);
    open.catch(() => this.files.delete(path));
    if (this.files.size > MOST_OPEN_FILES) {
      const [oldest] = this.files.keys();
      await this.forget(oldest);
    }
    return open;
  }

  private async forget(path: string): Promise<void> {
    const file = this.files.get(path);
    this.files.delete(path);
    for (const key of [...this.slices.keys()]) if (key.startsWith(`${path}\n`)) this.slices.delete(key);
    await file?.then(({ source }) => source.close()).catch(() => {});
  }

  private async slice(path: string, z: number): Promise<Image & { readonly step: number }> {
    const { source } = await this.file(path, await fileVersion(path));
    const key = `${path}\n${z}`;
    const slice = this.slices.get(key) ?? readSlice(source, z);
    this.slices.delete(key);
    this.slices.set(key, slice);
    slice.catch(() => this.slices.delete(key));
    const { data } = await slice;
    const most = Math.max(1, Math.floor(MOST_CACHED_BYTES / data.byteLength));
    for (const old of [...this.slices.keys()].slice(0, -most)) this.slices.delete(old);
    return slice;
  }
}

/** A slice with all channels; thinned out where it is too large to be shown whole. */
async function readSlice(source: ImageSource, z: number): Promise<Image & { readonly step: number }> {
  const [, height, width, channels] = source.info.shape;
  const step = Math.ceil(Math.sqrt((height * width) / MOST_PIXELS));
  if (step === 1) {
    const image = await source.read({ start: [z, 0, 0], end: [z + 1, height, width] });
    return { ...image, step };
  }
  const shape: ImageShape = [1, Math.ceil(height / step), Math.ceil(width / step), channels];
  const data = sampleArray(source.info.sampleType, shape[1] * shape[2] * channels);
  const rows = Math.max(1, Math.floor(BAND_ROWS / step)) * step;
  for (let y = 0; y < height; y += rows) {
    const band = await source.read({ start: [z, y, 0], end: [z + 1, Math.min(y + rows, height), width] });
    thinOut(band, step, data, (y / step) * shape[2] * channels);
  }
  return { shape, sampleType: source.info.sampleType, data, step };
}

/** Copies every `step`-th pixel along y and x of `band` to `target`, from index `start` on. */
function thinOut({ shape, data }: Image, step: number, target: SampleArray, start: number): void {
  const [, height, width, channels] = shape;
  let at = start;
  for (let y = 0; y < height; y += step)
    for (let x = 0; x < width; x += step)
      for (let channel = 0; channel < channels; channel++)
        target[at++] = data[(y * width + x) * channels + channel];
}

async function fileVersion(path: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === "ENOENT" ? "there is no such file" : `it cannot be read (${error.code})`;
    throw new ImageError(path, `${path}: ${reason}.`);
  });
  return `${mtimeMs} ${size} ${ino}`;
}
