/** PyTorch's checkpoint files (`torch.save` since 1.6): a ZIP archive with one pickle, `data.pkl`, and one entry for each storage. */

import { crc32 } from "node:zlib";
import {
  fromRandomAccessReaderPromise,
  RandomAccessReader,
  type Entry as ZipEntry,
  type ZipFile,
} from "yauzl";
import { product } from "../facts/checked-lists.ts";
import { errorMessage } from "../facts/errors.ts";
import { CheckpointError } from "./checkpoint-error.ts";
import { RandomAccessFile, writeCheckpointFile } from "./files.ts";
import { pickle } from "./pickle.ts";
import type { CheckpointValue, TorchStorage } from "./python-values.ts";
import { StoredZipWriter } from "./stored-zip.ts";
import { gather, isContiguous, spannedElements } from "./strided.ts";
import { bytesPerElement, CheckpointTensor } from "./tensor.ts";
import { PickleError, type TensorView, unpickle } from "./unpickle.ts";

/** An open checkpoint. */
export interface Checkpoint {
  readonly path: string;
  readonly value: CheckpointValue;
  /** Closes the file. Tensors can no longer be read. */
  close(): Promise<void>;
}

/**
 * Opens a checkpoint. Tensors are read on demand, and the file stays open until `close`. No code in the file is run. Throws
 * `CheckpointError` where the file is not a checkpoint, is damaged, or contains more than data.
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const file = await RandomAccessFile.open(path);
  try {
    const archive = await openArchive(file);
    if (archive.pickle.size > largestPickle)
      throw new CheckpointError(
        path,
        `is not a checkpoint of weights: its pickle has ${archive.pickle.size} bytes.`,
      );
    const bytes = new Uint8Array(archive.pickle.size);
    await file.read(archive.pickle.start, bytes);
    checkSum(path, archive.pickle, bytes);
    const value = unpickle(bytes, (view) => storedTensor(file, archive, view));
    return { path, value, close: () => file.close() };
  } catch (error) {
    await file.close();
    if (error instanceof PickleError)
      throw new CheckpointError(
        path,
        `is damaged or not a checkpoint of weights. It holds ${error.message}.`,
      );
    throw error;
  }
}

/**
 * Writes a checkpoint that `torch.load(path, weights_only=True)` opens. `path` is replaced once the new file is complete. Tensors of
 * another checkpoint are read one after the other, so that at most one large one is in memory.
 *
 * @param onWritten called when the tensors may change again: all bytes are written, but not yet synced to the disk and renamed
 */
export async function writeCheckpoint(
  path: string,
  value: CheckpointValue,
  onWritten: () => void = () => {},
): Promise<void> {
  const { bytes, tensors } = pickled(path, value);
  await writeCheckpointFile(path, async (handle) => {
    const zip = new StoredZipWriter(handle);
    await zip.add("archive/data.pkl", bytes);
    await zip.add("archive/.format_version", Buffer.from("1"));
    await zip.add("archive/.storage_alignment", Buffer.from("64"));
    await zip.add("archive/byteorder", Buffer.from("little"));
    for (const [key, tensor] of tensors.entries()) await zip.add(`archive/data/${key}`, await tensor.bytes());
    await zip.add("archive/version", Buffer.from("3\n"));
    await zip.finish();
    onWritten();
  });
}

/** Maximum size of a pickle, in bytes. With 10,000 tensors and their moments it has 5 MB; weights are stored outside it. */
const largestPickle = 2 ** 24;

/** Maximum size of a tensor that repeats values (stride 0), in bytes. */
const largestRepeated = 2 ** 28;

function pickled(path: string, value: CheckpointValue): ReturnType<typeof pickle> {
  try {
    return pickle(value);
  } catch (error) {
    if (error instanceof PickleError) throw new CheckpointError(path, `cannot hold ${error.message}.`);
    throw error;
  }
}

/** An uncompressed entry of the archive. */
interface StoredEntry {
  readonly name: string;
  readonly start: number;
  readonly size: number;
  /** CRC-32; 0 if the writer omitted it (`torch.serialization.set_crc32_options(False)`). */
  readonly crc: number;
}

interface Archive {
  readonly pickle: StoredEntry;
  readonly storages: ReadonlyMap<string, StoredEntry>;
}

async function openArchive(file: RandomAccessFile): Promise<Archive> {
  const first = new Uint8Array(Math.min(16, file.size));
  await file.read(0, first);
  refuseOtherFormats(file.path, first);
  const entries = await readEntries(file);
  const pickleEntry = entries.find(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  if (!pickleEntry)
    throw new CheckpointError(
      file.path,
      "is a ZIP archive but not a PyTorch checkpoint: it has no data.pkl.",
    );
  const root = pickleEntry.name.slice(0, -"data.pkl".length);
  await refuseBigEndian(
    file,
    entries.find(({ name }) => name === `${root}byteorder`),
  );
  const prefix = `${root}data/`;
  const storages = entries.filter(({ name }) => name.startsWith(prefix));
  return {
    pickle: pickleEntry,
    storages: new Map(storages.map((entry) => [entry.name.slice(prefix.length), entry])),
  };
}

function refuseOtherFormats(path: string, first: Uint8Array): void {
  const text = Buffer.from(first).toString("latin1");
  if (text.startsWith("PK")) return;
  // A pickle that starts with PyTorch's magic number 0x1950a86a20f9469cfc6c.
  if (text.startsWith("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"))
    throw new CheckpointError(
      path,
      "is in PyTorch's old format, from before version 1.6. Convert it with Python: " +
        `import torch; torch.save(torch.load("old.pth", weights_only=True), "new.pth").`,
    );
  if (text.startsWith("\x89HDF"))
    throw new CheckpointError(path, "is an HDF5 file (Keras?), not a PyTorch checkpoint.");
  if (text.slice(8, 9) === "{")
    throw new CheckpointError(path, "is a safetensors file: give it the extension .safetensors.");
  throw new CheckpointError(path, "is not a PyTorch checkpoint: it does not begin as one does.");
}

async function refuseBigEndian(file: RandomAccessFile, entry: StoredEntry | undefined): Promise<void> {
  if (!entry || entry.size > 16) return;
  const order = new Uint8Array(entry.size);
  await file.read(entry.start, order);
  if (Buffer.from(order).toString("latin1") === "big")
    throw new CheckpointError(file.path, "was written on a big-endian machine, which is not supported.");
}

/** Reads for yauzl. Its own reader ends the process where a damaged file refers to a position beyond any file size. */
class FileReader extends RandomAccessReader {
  constructor(private readonly file: RandomAccessFile) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    const into = buffer.subarray(offset, offset + length);
    this.file.read(position, into).then(() => callback(null), callback);
  }
}

async function readEntries(file: RandomAccessFile): Promise<StoredEntry[]> {
  try {
    const options = { lazyEntries: true, autoClose: false };
    const zip = await fromRandomAccessReaderPromise(new FileReader(file), file.size, options);
    const entries: ZipEntry[] = [];
    for await (const entry of zip.eachEntry()) entries.push(entry);
    refuseTorchScript(file.path, entries);
    const stored: StoredEntry[] = [];
    for (const entry of entries) stored.push(await storedEntry(file, zip, entry));
    return stored;
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    const reason = errorMessage(error);
    throw new CheckpointError(
      file.path,
      `is damaged or was cut short: its ZIP directory is incomplete (${reason}).`,
    );
  }
}

function refuseTorchScript(path: string, entries: readonly ZipEntry[]): void {
  if (entries.some(({ fileName }) => /^[^/]+\/constants\.pkl$/.test(fileName)))
    throw new CheckpointError(
      path,
      "is a TorchScript program, not a checkpoint of weights. Save the model's state_dict() instead.",
    );
}

async function storedEntry(file: RandomAccessFile, zip: ZipFile, entry: ZipEntry): Promise<StoredEntry> {
  if (entry.compressionMethod !== 0 || entry.isEncrypted())
    throw new CheckpointError(
      file.path,
      `was repacked by another program: ${entry.fileName} is compressed or encrypted. Use the original file.`,
    );
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  if (fileDataStart + entry.uncompressedSize > file.size)
    throw new CheckpointError(file.path, `is damaged: ${entry.fileName} extends past the end of the file.`);
  return { name: entry.fileName, start: fileDataStart, size: entry.uncompressedSize, crc: entry.crc32 };
}

function storedTensor(file: RandomAccessFile, archive: Archive, view: TensorView): CheckpointTensor {
  const { storage, dtype, offset, shape, strides } = view;
  const entry = storageEntry(archive, storage);
  const elementBytes = bytesPerElement(dtype);
  const start = offset * elementBytes;
  const spanned = spannedElements(shape, strides) * elementBytes;
  if (!(start + spanned <= entry.size))
    throw new PickleError(
      `a ${dtype} tensor of shape [${shape}] that extends past its storage ${entry.name}`,
    );
  const length = product(shape) * elementBytes;
  if (length > Math.max(spanned, largestRepeated))
    throw new PickleError(`a tensor of shape [${shape}] that repeats ${spanned} bytes`);
  if (!Number.isSafeInteger(length)) throw new PickleError(`a tensor of the impossible shape [${shape}]`);

  const readSpan = async (into: Uint8Array): Promise<Uint8Array> => {
    await file.read(entry.start + start, into);
    if (into.byteLength === entry.size) checkSum(file.path, entry, into);
    return into;
  };
  return new CheckpointTensor(dtype, shape, strides, async (into = allocate(file.path, length)) => {
    if (isContiguous(shape, strides)) return readSpan(into);
    const span = await readSpan(allocate(file.path, spanned));
    gather(span, into, elementBytes, shape, strides);
    return into;
  });
}

function storageEntry(archive: Archive, storage: TorchStorage): StoredEntry {
  const entry = archive.storages.get(storage.key);
  if (entry) return entry;
  throw new PickleError(`a tensor whose values, data/${storage.key}, are missing`);
}

function allocate(path: string, bytes: number): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch {
    throw new CheckpointError(path, `has a tensor of ${bytes} bytes, which does not fit in memory.`);
  }
}

function checkSum(path: string, entry: StoredEntry, bytes: Uint8Array): void {
  if (entry.crc !== 0 && crc32(bytes) !== entry.crc)
    throw new CheckpointError(path, `is damaged: the checksum of ${entry.name} does not match its bytes.`);
}
