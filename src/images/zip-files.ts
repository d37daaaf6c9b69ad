/**
 * Zarr containers in a zip archive (zarr-python's ZipStore, OME-Zarr's single file: https://ngff.openmicroscopy.org/rfc/9/). The package reads
 * the archive's directory; members are read here, by parts where they are not compressed.
 */
import { posix } from "node:path";
import { crc32 } from "node:zlib";
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader } from "yauzl";
import type { ContainerFile, ContainerFiles } from "./container-files.ts";
import { inflateRaw } from "./decompress.ts";
import { FileBytes } from "./file-bytes.ts";
import { ImageError } from "./image.ts";
import { type ByteRange, inMemory } from "./raw-array.ts";

/** What an archive holds by the places of its folders: the members of each by their names, undefined for folders. */
type Directory = Map<string, Map<string, Entry | undefined>>;

/** Returns the files of an archive. Throws {@link ImageError}. */
export async function zipFiles(path: string): Promise<ContainerFiles> {
  const file = await FileBytes.open(path);
  try {
    if (file.readNow(0, Math.min(2, file.size)).toString() !== "PK")
      throw new ImageError(
        path,
        `${path}: is no zip archive. Zarr and N5 images are folders, or zip archives of their folders.`,
      );
    return membersOf(file, await readDirectory(file));
  } catch (error) {
    await file.close();
    throw error;
  }
}

function membersOf(file: FileBytes, directory: Directory): ContainerFiles {
  const base = wrapper(directory);
  const inside = (place: string) => posix.join("/", base, place).slice(1).replace(/\/$/, "");
  const member = (place: string) =>
    directory.get(posix.dirname(place).replace(/^\.$/, ""))?.get(posix.basename(place));
  return {
    path: file.path,
    has: (place) => directory.has(inside(place)) || member(inside(place)) !== undefined,
    open: async (place) => {
      const entry = member(inside(place));
      return entry && openMember(file, entry);
    },
    list: async (place) => {
      const members = directory.get(inside(place));
      if (members === undefined) throw new Error(`the archive has no folder ${place}`);
      return [...members].map(([name, entry]) => ({ name, isDirectory: () => entry === undefined }));
    },
    close: () => file.close(),
  };
}

/** Bytes of an archive that are read at once for its directory. */
const WINDOW = 2 ** 20;

/** Serves the package's reads of a few bytes, two for each member, from memory. */
class WindowReader extends RandomAccessReader {
  private window = { start: 0, bytes: Buffer.alloc(0) };

  constructor(private readonly file: FileBytes) {
    super();
  }

  override read(
    target: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    this.at(position, length).then((bytes) => {
      bytes.copy(target, offset);
      done(null);
    }, done);
  }

  private async at(position: number, length: number): Promise<Buffer> {
    const { start, bytes } = this.window;
    if (position < start || position + length > start + bytes.length) {
      const most = Math.max(length, Math.min(WINDOW, this.file.size - position));
      this.window = { start: position, bytes: await this.file.read(position, most) };
    }
    const from = position - this.window.start;
    return this.window.bytes.subarray(from, from + length);
  }
}

/** Limit on an archive's members: their names lie in memory. */
const MOST_MEMBERS = 2 ** 20;

async function readDirectory(file: FileBytes): Promise<Directory> {
  const reader = new WindowReader(file);
  const zip = await fromRandomAccessReaderPromise(reader, file.size, { autoClose: false }).catch(
    (error: Error) => {
      if (!error.message.startsWith("End of central directory record signature not found")) throw error;
      throw new ImageError(
        file.path,
        `${file.path}: is a zip archive without its end: it was not copied or written whole. Copy it again.`,
      );
    },
  );
  if (zip.entryCount > MOST_MEMBERS)
    throw new ImageError(
      file.path,
      `${file.path}: holds ${zip.entryCount} files, more than are read from an archive. Unpack it, or save it in shards.`,
    );
  const directory: Directory = new Map([["", new Map()]]);
  for await (const entry of zip.eachEntry()) addMember(directory, entry);
  return directory;
}

/** Adds a member and the folders above it. Of members of the same name, the last is the newest: archives are only appended to. */
function addMember(directory: Directory, entry: Entry): void {
  const names = entry.fileName.split("/");
  // macOS adds a folder of resource forks.
  if (names[0] === "__MACOSX") return;
  let place = "";
  for (const [depth, name] of names.entries()) {
    if (name === "") return;
    const isFile = depth === names.length - 1;
    directory.get(place)?.set(name, isFile ? entry : undefined);
    place = posix.join(place, name);
    if (!isFile && !directory.has(place)) directory.set(place, new Map());
  }
}

/** Returns the container's place in its archive: file managers put a folder into an archive with its name. */
function wrapper(directory: Directory): string {
  const top = [...(directory.get("") ?? [])].filter(([name]) => !name.startsWith("."));
  const [[name, entry] = ["", undefined]] = top;
  return top.length === 1 && entry === undefined && /\.(zarr|n5)$/i.test(name) ? name : "";
}

/** Limit on a member that is unpacked as a whole. */
const MOST_UNPACKED = 2 ** 30;
/** The fixed part of a member's own header, and the lengths of its name and of what follows that (APPNOTE 6.3.10, 4.3.7). */
const [HEADER_BYTES, NAME_LENGTH, EXTRA_LENGTH] = [30, 26, 28];
const [STORED, DEFLATED] = [0, 8];

/** Opens a member of an archive. Its checksum is verified when it is read as a whole. */
async function openMember(file: FileBytes, entry: Entry): Promise<ContainerFile> {
  const { fileName, uncompressedSize: size, compressionMethod: method } = entry;
  const unread = (reason: string) =>
    new ImageError(file.path, `${file.path}: its archive's ${fileName} ${reason}.`);
  if (entry.isEncrypted()) throw unread("is encrypted. Unpack the archive");
  if (method !== STORED && method !== DEFLATED)
    throw unread(`is compressed by zip's method ${method}, which is not read. Zip it without compression`);
  if (method === DEFLATED && size > MOST_UNPACKED)
    throw unread(`unpacks to ${size} bytes. Zip it without compression`);
  const header = await file.read(entry.relativeOffsetOfLocalHeader, HEADER_BYTES);
  const start =
    entry.relativeOffsetOfLocalHeader +
    HEADER_BYTES +
    header.readUInt16LE(NAME_LENGTH) +
    header.readUInt16LE(EXTRA_LENGTH);
  const checked = (bytes: Uint8Array) => {
    if (bytes.length !== size || crc32(bytes) !== entry.crc32)
      throw new Error(`${fileName} in its archive does not fit its checksum`);
    return bytes;
  };
  const close = async () => {};
  if (method === STORED)
    return {
      size,
      read: async (offset, length) => {
        if (offset < 0 || offset + length > size) throw new Error(`${fileName} in its archive is cut short`);
        const bytes = await file.read(start + offset, length);
        return length === size ? checked(bytes) : bytes;
      },
      close,
    };
  let unpacked: Promise<ByteRange> | undefined;
  const unpack = async () =>
    inMemory(checked(await inflateRaw(await file.read(start, entry.compressedSize), size, size)));
  return {
    size,
    read: async (offset, length) => {
      unpacked ??= unpack();
      return (await unpacked).read(offset, length);
    },
    close,
  };
}
