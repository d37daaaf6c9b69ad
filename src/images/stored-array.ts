/** The common form of all formats: an array with named axes. One reader converts its regions to images. */
import { lstat } from "node:fs/promises";
import { errorCode, errorMessage } from "../facts/errors.ts";
import {
  type Axes,
  decideAxes,
  imageShape,
  inImageOrder,
  pieceOf,
  type Strided,
  sizeOf,
  storedRanges,
} from "./axes.ts";
import {
  firstLine,
  type Image,
  type ImageDescription,
  ImageError,
  type ImageInfo,
  type ImageSource,
  type OpenOptions,
  type PixelSize,
  type Region,
  type SampleType,
  shapeOf,
  storedBytes,
  wholeRegion,
} from "./image.ts";
import { UnreadCompression } from "./picture.ts";

/** The array that holds an image, inside an open file. */
export interface StoredArray {
  readonly shape: readonly number[];
  /** The type that `read` returns; the stored type may be narrower (1-bit) or wider (int64). */
  readonly sampleType: SampleType;
  /** Sizes of the pieces that are always read whole. */
  readonly chunks: readonly number[];
  /** Reads `[from, to)` along each axis. Throws {@link ImageError} or an error of the library, without the file's name. */
  read(ranges: readonly (readonly [from: number, to: number])[]): Promise<Strided>;
  /** Throws {@link ImageError} if parts of the file do not form one image. */
  check?(): Promise<void>;
  close(): Promise<void>;
}

/** A format reader's result. */
export interface Probe extends Omit<ImageDescription, "axes" | "axesReason" | "storedShape"> {
  readonly array: StoredArray;
  /** The axes in the file's own metadata. */
  readonly axes?: Axes;
  readonly pixelSize?: PixelSize;
  readonly files?: readonly string[];
}

/** Limit of one typed array; callers read larger images in parts. */
const MOST_BYTES = 2 ** 32;

const BUSY = "cannot be opened, too many files are open. Raise the limit (ulimit -n)";
const UNREACHED = "cannot be read: the disk or the network reports an error";

/** What the system says of files that it does not read. */
const REFUSALS: Readonly<Record<string, string>> = {
  EACCES: "cannot be read (permission denied)",
  EPERM: "cannot be read (permission denied)",
  EMFILE: BUSY,
  ENFILE: BUSY,
  ELOOP: "is a link that leads in a circle",
  EIO: UNREACHED,
  ESTALE: UNREACHED,
  ETIMEDOUT: UNREACHED,
  EHOSTDOWN: UNREACHED,
};

/** Says why a file is not there. */
const absence = (path: string): Promise<string> =>
  lstat(path).then(
    (found) => (found.isSymbolicLink() ? "is a link to a file that does not exist" : "there is no such file"),
    () => "there is no such file",
  );

/** Runs a reader and converts its errors to {@link ImageError}s that name the file. */
export async function explained<T>(path: string, format: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ImageError) throw error;
    const unread = error instanceof Error && error.cause instanceof UnreadCompression ? error.cause : error;
    if (unread instanceof UnreadCompression)
      throw new ImageError(
        path,
        `${path}: is compressed by ${unread.message}, which is not read. Save it as a TIFF with deflate or LZW.`,
      );
    const code = errorCode(error);
    const refusal = REFUSALS[code ?? ""];
    if (refusal !== undefined) throw new ImageError(path, `${path}: ${refusal}.`);
    if (code === "ENOENT") throw new ImageError(path, `${path}: ${await absence(path)}.`);
    if (error instanceof Error && error.cause instanceof ImageError) throw error.cause;
    throw new ImageError(
      path,
      `${path}: cannot be read as ${format}, or is damaged (${reasonOf(error)}). Open it where it was made and save it again.`,
    );
  }
}

/** Returns an error's reason in one line; some libraries throw bare strings, or hide the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return firstLine(errorMessage(cause)).slice(0, 200);
}

/** Returns an image that is read region by region. Closes the array if its axes do not form an image. */
export async function sourceOf(path: string, probe: Probe, options: OpenOptions): Promise<ImageSource> {
  try {
    return new ArraySource(path, probe, options);
  } catch (error) {
    await probe.array.close();
    throw error;
  }
}

class ArraySource implements ImageSource {
  readonly info: ImageInfo;
  readonly description: ImageDescription;
  readonly piece: ImageSource["piece"];
  private readonly samples: number;

  constructor(
    path: string,
    private readonly probe: Probe,
    options: OpenOptions,
  ) {
    const { array, axes: named, pixelSize, files, ...stored } = probe;
    const { order, reason } = decideAxes(path, array.shape, options.axes, named);
    const shape = imageShape(path, array.shape, order);
    if (storedBytes(shape, array.sampleType) > Number.MAX_SAFE_INTEGER)
      throw new ImageError(
        path,
        `${path}: says that it holds ${shape.join(" x ")} pixels, which no file does.`,
      );
    this.info = { path, shape, sampleType: array.sampleType, pixelSize, files };
    this.description = { ...stored, axes: order, axesReason: reason, storedShape: array.shape };
    this.piece = pieceOf(array.chunks, order);
    this.samples = sizeOf("S", array.shape, order);
  }

  async read(region: Region = wholeRegion(this.info.shape)): Promise<Image> {
    const { path, shape, sampleType } = this.info;
    const { array, format } = this.probe;
    const { axes } = this.description;
    const part = shapeOf(region, shape[3]);
    if (storedBytes(part, sampleType) > MOST_BYTES)
      throw new ImageError(path, `${path}: ${part.join(" x ")} pixels are more than can be read at once.`);
    const stored = await explained(path, format, () => array.read(storedRanges(region, array.shape, axes)));
    return { shape: part, sampleType, data: inImageOrder(stored, part, axes, this.samples) };
  }

  async checkPages(): Promise<void> {
    await explained(this.info.path, this.probe.format, async () => this.probe.array.check?.());
  }

  async close(): Promise<void> {
    await this.probe.array.close();
  }
}
