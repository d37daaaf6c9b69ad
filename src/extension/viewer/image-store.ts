/** Opens image files and reads single planes for the image worker. */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { LRUCache } from "lru-cache";
import { describeAxes } from "../../images/describe.ts";
import { openImage } from "../../images/files.ts";
import {
  type PixelSize as FilePixelSize,
  type Image,
  ImageError,
  type ImageInfo,
  type ImageSource,
  type Region,
  sampleArray,
} from "../../images/image.ts";
import type { ImageSummary, Plane, PlaneView } from "../../protocol/panel-messages.ts";
import { featureFolderOf } from "../../workflow/features/feature-folder.ts";
import { type ReadPlane, readPlane } from "./read-plane.ts";

/** Planes with all of their channels are cached up to this size: the other channels are asked for next. */
const MOST_CACHED_BYTES = 256 * 1024 * 1024;

/** Time after which an unused file is closed: on Windows a run could not replace an open file. */
const IDLE_MS = 1000;

interface Place {
  readonly path: string;
  readonly view: PlaneView;
}

interface OpenFile {
  readonly source: Promise<ImageSource>;
  users: number;
  closing?: NodeJS.Timeout;
}

/** Opens files on demand and caches the planes read last. Errors are {@link ImageError}s. */
export class ImageStore {
  private readonly files = new Map<string, OpenFile>();
  private readonly planes = new LRUCache<string, ReadPlane, Place>({
    maxSize: MOST_CACHED_BYTES,
    // A plane larger than the whole cache replaces all others.
    sizeCalculation: ({ data }) => Math.min(data.byteLength, MOST_CACHED_BYTES),
    fetchMethod: (_key, _stale, { context: { path, view } }) =>
      this.use(path, (source) => readPlane(source, view, this.progress)),
    ignoreFetchAbort: true,
  });
  /** Detects files that were replaced. */
  private readonly versions = new Map<string, string>();

  /** @param progress called after each part of a plane that was read */
  constructor(private readonly progress: () => void = () => {}) {}

  /** Describes a file's content. Drops cached planes of an earlier version. */
  async open(path: string): Promise<ImageSummary> {
    const version = await fileVersion(path);
    if (this.versions.get(path) !== version) await this.forget(path);
    this.versions.set(path, version);
    const { info, description } = await this.use(path, async (source) => source);
    const { shape, sampleType, pixelSize } = info;
    const details = [description.format, describeAxes(description)].join(", ");
    const hasFeatures = (await featureFolderOf(path).catch(() => undefined)) !== undefined;
    const size = lateral(pixelSize);
    return {
      path,
      label: basename(path),
      shape,
      sampleType,
      details,
      ...size,
      ...(hasFeatures ? { hasFeatures } : {}),
    };
  }

  /** Reads a part of an image. */
  part(path: string, region: Region): Promise<Image> {
    return this.use(path, (source) => source.read(region));
  }

  /** Describes an image without reading its pixels. */
  info(path: string): Promise<ImageInfo> {
    return this.use(path, async ({ info }) => info);
  }

  /** Returns one channel of one plane. */
  async plane(path: string, view: PlaneView, channel: number): Promise<Plane> {
    const key = `${path}\n${JSON.stringify(view)}`;
    const plane = await this.planes.forceFetch(key, { context: { path, view } });
    const { height, width, channels, sampleType, step, data } = plane;
    // The buffer is transferred to another thread: the cache keeps the original.
    if (channels === 1)
      return { height, width, sampleType, step, values: data.slice().buffer as ArrayBuffer };
    const values = sampleArray(sampleType, height * width);
    for (let pixel = 0; pixel < values.length; pixel++) values[pixel] = data[pixel * channels + channel] ?? 0;
    return { height, width, sampleType, step, values: values.buffer as ArrayBuffer };
  }

  /** Closes all files. */
  async close(): Promise<void> {
    for (const path of [...this.files.keys()]) await this.forget(path);
  }

  /** Opens a file for an action, and closes it when it has not been used for a while. */
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
      else file.closing = setTimeout(() => void this.closeFile(path, file), IDLE_MS).unref();
    }
  }

  private async forget(path: string): Promise<void> {
    for (const key of [...this.planes.keys()]) if (key.startsWith(`${path}\n`)) this.planes.delete(key);
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

/** A pixel size whose x and y are known: a scale bar needs both. */
function lateral(size: FilePixelSize | undefined): Pick<ImageSummary, "pixelSize"> {
  const { x, y } = size ?? {};
  return size === undefined || x === undefined || y === undefined ? {} : { pixelSize: { ...size, x, y } };
}

async function fileVersion(path: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === "ENOENT" ? "there is no such file" : `it cannot be read (${error.code})`;
    throw new ImageError(path, `${path}: ${reason}.`);
  });
  return `${mtimeMs} ${size} ${ino}`;
}
