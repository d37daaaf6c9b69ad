/** Opens image files and reads single planes of them: what the image worker does, without its messages. */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { LRUCache } from "lru-cache";
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

/** Slices with all of their channels are kept up to this size, for the other channels are asked for next. */
const MOST_CACHED_BYTES = 256 * 1024 * 1024;

/** Milliseconds after which an unused file is closed: where open files cannot be replaced, a run may want to replace it. */
const IDLE = 1000;

type Slice = Image & { readonly step: number };

interface Place {
  readonly path: string;
  readonly z: number;
}

interface OpenFile {
  readonly source: Promise<ImageSource>;
  users: number;
  closing?: NodeJS.Timeout;
}

/** Opens files as they are needed and keeps the slices read last. Errors are {@link ImageError}s. */
export class ImageStore {
  private readonly files = new Map<string, OpenFile>();
  private readonly slices = new LRUCache<string, Slice, Place>({
    maxSize: MOST_CACHED_BYTES,
    // A slice that is larger than the whole cache is kept alone.
    sizeCalculation: ({ data }) => Math.min(data.byteLength, MOST_CACHED_BYTES),
    fetchMethod: (_key, _stale, { context: { path, z } }) => this.use(path, (source) => readSlice(source, z)),
    ignoreFetchAbort: true,
  });
  /** Tell files that were replaced from those that are as they were. */
  private readonly versions = new Map<string, string>();

  /** What a file holds. Slices of an earlier version of it are forgotten. */
  async open(path: string): Promise<ImageSummary> {
    const version = await fileVersion(path);
    if (this.versions.get(path) !== version) await this.forget(path);
    this.versions.set(path, version);
    const { shape, sampleType } = await this.use(path, async ({ info }) => info);
    return { path, label: basename(path), shape, sampleType };
  }

  /** One slice of one channel. */
  async plane(path: string, z: number, channel: number): Promise<Plane> {
    const slice = await this.slices.forceFetch(`${path}\n${z}`, { context: { path, z } });
    const { shape, sampleType, step, data } = slice;
    const [, height, width, channels] = shape;
    const values = sampleArray(sampleType, height * width);
    for (let pixel = 0; pixel < values.length; pixel++) values[pixel] = data[pixel * channels + channel] ?? 0;
    return { height, width, sampleType, step, values: values.buffer as ArrayBuffer };
  }

  async close(): Promise<void> {
    for (const path of [...this.files.keys()]) await this.forget(path);
  }

  /** Does something with an open file, which is closed when it was not used for a while. */
  private async use<T>(path: string, action: (source: ImageSource) => Promise<T>): Promise<T> {
    const file = this.files.get(path) ?? { source: openImage(path), users: 0 };
    this.files.set(path, file);
    clearTimeout(file.closing);
    file.users++;
    try {
      return await action(await file.source);
    } finally {
      file.users--;
      const forgotten = this.files.get(path) !== file;
      if (forgotten) await this.closeFile(path, file);
      else file.closing = setTimeout(() => void this.closeFile(path, file), IDLE).unref();
    }
  }

  private async forget(path: string): Promise<void> {
    for (const key of [...this.slices.keys()]) if (key.startsWith(`${path}\n`)) this.slices.delete(key);
    const file = this.files.get(path);
    if (file !== undefined) await this.closeFile(path, file);
  }

  /** Closes a file; one that is being read is closed by its last reader. */
  private async closeFile(path: string, file: OpenFile): Promise<void> {
    clearTimeout(file.closing);
    if (this.files.get(path) === file) this.files.delete(path);
    if (file.users > 0) return;
    await file.source.then((source) => source.close()).catch(() => {});
  }
}

/** A slice with all channels; thinned out where it is too large to be shown whole. */
async function readSlice(source: ImageSource, z: number): Promise<Slice> {
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
        target[at++] = data[(y * width + x) * channels + channel] ?? 0;
}

async function fileVersion(path: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === "ENOENT" ? "there is no such file" : `it cannot be read (${error.code})`;
    throw new ImageError(path, `${path}: ${reason}.`);
  });
  return `${mtimeMs} ${size} ${ino}`;
}
