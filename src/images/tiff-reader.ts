import { type FileHandle, open } from "node:fs/promises";
import { fromFile, type GeoTIFF, type GeoTIFFImage } from "geotiff";
import {
  type Image,
  ImageError,
  type ImageInfo,
  type ImageSource,
  type Region,
  SAMPLE_ARRAYS,
  type SampleArray,
  type SampleType,
  sampleArray,
  wholeRegion,
} from "./image.ts";
import { type PageLayout, pageLayout } from "./tiff-axes.ts";

const KINDS = { 1: "uint", 2: "int", 3: "float" } as const;

function sampleTypeOf(path: string, image: GeoTIFFImage): SampleType {
  const kind = KINDS[image.getSampleFormat() as keyof typeof KINDS] ?? "uint";
  const bits = image.getBitsPerSample();
  const name = `${kind}${kind === "float" && bits === 16 ? 32 : bits}`;
  if (name in SAMPLE_ARRAYS) return name as SampleType;
  throw new ImageError(
    path,
    `${path}: its pixels are ${bits}-bit ${kind}, which is not read. Convert it to 8, 16 or 32 bits.`,
  );
}

async function explained<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ImageError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new ImageError(path, `${path}: there is no such file.`);
    if (code === "EACCES" || code === "EPERM")
      throw new ImageError(path, `${path}: may not be read (permission denied).`);
    // The library throws bare strings too.
    const reason = error instanceof Error ? error.message : String(error);
    throw new ImageError(
      path,
      `${path}: is no TIFF that can be read, or damaged (${reason}). Open it in Fiji and save it again.`,
    );
  }
}

/** Opens a TIFF: classic or BigTIFF, strips or tiles, ImageJ hyperstack, OME-TIFF or plain pages. Reads headers only. */
export async function openTiff(path: string): Promise<ImageSource> {
  return explained(path, async () => {
    const handle = await open(path, "r");
    try {
      if ((await handle.stat()).size === 0) throw new ImageError(path, `${path}: is empty (0 bytes).`);
      const tiff = await fromFile(path);
      return await TiffSource.open(path, tiff, handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  });
}

class TiffSource implements ImageSource {
  private constructor(
    readonly info: ImageInfo,
    private readonly tiff: GeoTIFF,
    private readonly handle: FileHandle,
    private readonly layout: PageLayout,
    private readonly samples: number,
    readonly piece: ImageSource["piece"],
    /** Where the planes start, when ImageJ wrote a stack of over 4 GB behind a single page. */
    private readonly stackStart: number | undefined,
  ) {}

  static async open(path: string, tiff: GeoTIFF, handle: FileHandle): Promise<TiffSource> {
    const first = await tiff.getImage(0);
    const directory = first.fileDirectory;
    const samples = first.getSamplesPerPixel();
    const description = directory.hasTag("ImageDescription")
      ? String(await directory.loadValue("ImageDescription"))
      : "";
    const layout = await pageLayout(description, samples, () => tiff.getImageCount());
    if (typeof layout === "string") throw new ImageError(path, `${path}: ${layout}`);
    const planes = layout.z * layout.channels;
    const single = planes > 1 && directory.nextIFDByteOffset === 0;
    const sampleType = sampleTypeOf(path, first);
    let stackStart: number | undefined;
    if (single) {
      const offset = Number(await directory.loadValueIndexed("StripOffsets", 0));
      const bytes = first.getWidth() * first.getHeight() * first.getBytesPerPixel();
      const { size } = await handle.stat();
      if (offset + planes * bytes > size) {
        throw new ImageError(path, `${path}: is cut short: it should hold ${planes} planes. Copy it again.`);
      }
      stackStart = offset;
    }
    const shape = [layout.z, first.getHeight(), first.getWidth(), layout.channels * samples] as const;
    const piece = [1, single || isRaw(first) ? 1 : first.getTileHeight(), first.getTileWidth()] as const;
    return new TiffSource({ path, shape, sampleType }, tiff, handle, layout, samples, piece, stackStart);
  }

  async read(region: Region = wholeRegion(this.info.shape)): Promise<Image> {
    const { path, shape, sampleType } = this.info;
    const [z0, y0, x0] = region.start;
    const [z1, y1, x1] = region.end;
    const [depth, height, width, channels] = [z1 - z0, y1 - y0, x1 - x0, shape[3]];
    const data = sampleArray(sampleType, depth * height * width * channels);
    for (let z = z0; z < z1; z++) {
      for (let channel = 0; channel < this.layout.channels; channel++) {
        const plane = await explained(path, () => this.readPlane(z, channel, [x0, y0, x1, y1]));
        const start = (z - z0) * height * width * channels + channel * this.samples;
        if (channels === this.samples) data.set(plane, start);
        else {
          for (let pixel = 0; pixel < height * width; pixel++) {
            for (let sample = 0; sample < this.samples; sample++) {
              data[start + pixel * channels + sample] = plane[pixel * this.samples + sample];
            }
          }
        }
      }
    }
    return { shape: [depth, height, width, channels], sampleType, data };
  }

  private async readPlane(
    z: number,
    channel: number,
    window: [number, number, number, number],
  ): Promise<SampleArray> {
    const page = this.layout.page(z, channel);
    const { stackStart } = this;
    if (stackStart !== undefined) {
      const [, height] = this.info.shape;
      return this.readRows((y) => stackStart + (page * height + y) * this.rowBytes, window);
    }
    const image = await this.page(page);
    if (!isRaw(image))
      return (await image.readRasters({ window, interleave: true })) as unknown as SampleArray;
    const offsets = await image.fileDirectory.loadValue("StripOffsets");
    const rows = image.getTileHeight();
    return this.readRows((y) => Number(offsets?.[Math.floor(y / rows)]) + (y % rows) * this.rowBytes, window);
  }

  async checkPages(): Promise<void> {
    if (this.stackStart !== undefined) return;
    const { path, shape } = this.info;
    for (let z = 0; z < shape[0]; z++)
      for (let channel = 0; channel < this.layout.channels; channel++)
        await explained(path, () => this.page(this.layout.page(z, channel)));
  }

  private async page(page: number): Promise<GeoTIFFImage> {
    const image = await this.tiff.getImage(page);
    const [, height, width] = this.info.shape;
    if (image.getWidth() === width && image.getHeight() === height) return image;
    const { path } = this.info;
    const found = `${image.getHeight()} x ${image.getWidth()}`;
    throw new ImageError(
      path,
      `${path}: page ${page + 1} is ${found} pixels and the first ${height} x ${width}: a stack has pages of one size.`,
    );
  }

  private get rowBytes(): number {
    const { shape, sampleType } = this.info;
    return shape[2] * this.samples * SAMPLE_ARRAYS[sampleType].BYTES_PER_ELEMENT;
  }

  /** Reads pixels that are stored as they are: no more than the rows that are asked for. */
  private async readRows(
    startOf: (y: number) => number,
    [x0, y0, x1, y1]: readonly number[],
  ): Promise<SampleArray> {
    const { path, shape, sampleType } = this.info;
    const { rowBytes } = this;
    const raw = Buffer.alloc((y1 - y0) * rowBytes);
    for (let y = y0; y < y1; ) {
      let end = y + 1;
      while (end < y1 && startOf(end) === startOf(end - 1) + rowBytes) end++;
      const length = (end - y) * rowBytes;
      const { bytesRead } = await this.handle.read(raw, (y - y0) * rowBytes, length, startOf(y));
      if (bytesRead < length) throw new ImageError(path, `${path}: is cut short. Copy it again.`);
      y = end;
    }
    const { BYTES_PER_ELEMENT: bytes } = SAMPLE_ARRAYS[sampleType];
    if (!this.tiff.littleEndian) swapBytes(raw, bytes);
    const rows = new SAMPLE_ARRAYS[sampleType](raw.buffer, raw.byteOffset, raw.length / bytes);
    const width = (x1 - x0) * this.samples;
    if (x1 - x0 === shape[2]) return rows;
    const plane = sampleArray(sampleType, (y1 - y0) * width);
    for (let y = 0; y < y1 - y0; y++) {
      const from = (y * shape[2] + x0) * this.samples;
      plane.set(rows.subarray(from, from + width), y * width);
    }
    return plane;
  }

  async close(): Promise<void> {
    await this.handle.close();
    await this.tiff.close();
  }
}

const UNCOMPRESSED = 1;
const TOGETHER = 1;

/** Whether a page's pixels lie in the file as they are, row after row: then a part of a strip can be read by itself. */
function isRaw(image: GeoTIFFImage): boolean {
  const directory = image.fileDirectory;
  const compression = Number(directory.getValue("Compression") ?? UNCOMPRESSED);
  const planar = Number(directory.getValue("PlanarConfiguration") ?? TOGETHER);
  const bits = image.getBitsPerSample();
  // Half floats are no pixel type here: the library widens them.
  const half = image.getSampleFormat() === 3 && bits === 16;
  return compression === UNCOMPRESSED && planar === TOGETHER && !image.isTiled && bits % 8 === 0 && !half;
}

function swapBytes(raw: Buffer, bytes: number): void {
  if (bytes === 2) raw.swap16();
  else if (bytes === 4) raw.swap32();
  else if (bytes === 8) raw.swap64();
}
