/**
 * Writes ZIP archives of uncompressed, aligned entries, as PyTorch does, so that readers can map weights into memory. ZIP libraries
 * neither align entries nor write them without a copy, and a checkpoint may have a gigabyte. Spec: PKWARE's APPNOTE.TXT 6.3.9. Section
 * numbers below refer to it.
 */
import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { writeAt } from "./files.ts";

/** The data of every entry starts at a multiple of this. */
const alignment = 64;
const largest32 = 0xffffffff;
const largest16 = 0xffff;
/** Version 4.5, required for zip64. */
const version = 45;
/** 1 January 1980, the earliest date. Constant, so that equal checkpoints are equal files. */
const date = 0x21;

/** Entries up to this size are written together, up to about as many bytes: a system call takes longer than the data of a small tensor. */
const gatheredBytes = 2 ** 20;

interface Entry {
  readonly name: Buffer;
  readonly crc: number;
  readonly size: number;
  readonly offset: number;
}

/** Writes an archive to an open file, from its start. */
export class StoredZipWriter {
  private readonly entries: Entry[] = [];
  private end = 0;
  /** Headers and data of the last small entries, which are not written yet. */
  private gathered: Uint8Array[] = [];
  private gatheredFrom = 0;

  constructor(private readonly file: FileHandle) {}

  /** Adds an entry. Its bytes must not change until {@link finish} resolves. Large ones are written at once, without a copy. */
  async add(name: string, bytes: Uint8Array): Promise<void> {
    const entryName = Buffer.from(name);
    const offset = this.end;
    const head = headBytes(entryName, bytes.byteLength);
    const dataStart = Math.ceil((offset + head) / alignment) * alignment;
    const padding = dataStart - offset - head;
    const entry = { name: entryName, size: bytes.byteLength, offset };
    this.end = dataStart + bytes.byteLength;
    if (bytes.byteLength <= gatheredBytes) {
      const complete = { ...entry, crc: crc32(bytes) };
      this.entries.push(complete);
      this.gathered.push(localHeader(complete, padding), bytes);
      if (this.end - this.gatheredFrom > gatheredBytes) await this.writeGathered();
      return;
    }
    await this.writeGathered();
    let crc = 0;
    // The header is written last: it contains the checksum, which is computed while the data is written.
    await writeAt(this.file, bytes, dataStart, (piece) => {
      crc = crc32(piece, crc);
    });
    const complete = { ...entry, crc };
    await writeAt(this.file, localHeader(complete, padding), offset);
    this.entries.push(complete);
    this.gatheredFrom = this.end;
  }

  private async writeGathered(): Promise<void> {
    await writeAt(this.file, Buffer.concat(this.gathered), this.gatheredFrom);
    this.gathered = [];
    this.gatheredFrom = this.end;
  }

  /** Writes the directory and completes the archive. The writer cannot be used afterwards. */
  async finish(): Promise<void> {
    const directory = Buffer.concat(this.entries.map(directoryHeader));
    const end = endOfDirectory(this.entries.length, directory.byteLength, this.end);
    this.gathered.push(directory, end);
    await this.writeGathered();
  }
}

/** Returns the size of a local header before its padding, including the padding's own 4 bytes. */
function headBytes(name: Buffer, size: number): number {
  return 30 + name.byteLength + zip64Extra(size, [size, size]).byteLength + 4;
}

/** Section 4.3.7. */
function localHeader(entry: Entry, padding: number): Buffer {
  const extra = Buffer.concat([zip64Extra(entry.size, [entry.size, entry.size]), paddingExtra(padding)]);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(version, 4);
  header.writeUInt16LE(0x0800, 6); // names are UTF-8
  header.writeUInt16LE(date, 12);
  header.writeUInt32LE(entry.crc, 14);
  header.writeUInt32LE(Math.min(entry.size, largest32), 18);
  header.writeUInt32LE(Math.min(entry.size, largest32), 22);
  header.writeUInt16LE(entry.name.byteLength, 26);
  header.writeUInt16LE(extra.byteLength, 28);
  return Buffer.concat([header, entry.name, extra]);
}

/** Section 4.3.12. */
function directoryHeader(entry: Entry): Buffer {
  const beyond = [entry.size, entry.size, entry.offset];
  const extra = zip64Extra(Math.max(entry.size, entry.offset), beyond);
  // If one field exceeds 32 bits, all three are in the extra field, and the header marks them as missing.
  const field = (value: number) => (extra.byteLength ? largest32 : value);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(version, 4);
  header.writeUInt16LE(version, 6);
  header.writeUInt16LE(0x0800, 8);
  header.writeUInt16LE(date, 14);
  header.writeUInt32LE(entry.crc, 16);
  header.writeUInt32LE(field(entry.size), 20);
  header.writeUInt32LE(field(entry.size), 24);
  header.writeUInt16LE(entry.name.byteLength, 28);
  header.writeUInt16LE(extra.byteLength, 30);
  header.writeUInt32LE(field(entry.offset), 42);
  return Buffer.concat([header, entry.name, extra]);
}

/** Section 4.5.3. Returns no bytes if `largest` fits in 32 bits. */
function zip64Extra(largest: number, values: readonly number[]): Buffer {
  if (largest < largest32) return Buffer.alloc(0);
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(0x0001, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  for (const [index, value] of values.entries()) extra.writeBigUInt64LE(BigInt(value), 4 + 8 * index);
  return extra;
}

/** The extra field "FB" that PyTorch uses as padding. */
function paddingExtra(bytes: number): Buffer {
  const extra = Buffer.alloc(4 + bytes, "Z");
  extra.write("FB");
  extra.writeUInt16LE(bytes, 2);
  return extra;
}

/** Sections 4.3.14 to 4.3.16. Always with zip64 records, as PyTorch writes them. */
function endOfDirectory(entries: number, size: number, offset: number): Buffer {
  const end = Buffer.alloc(56 + 20 + 22);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(44n, 4);
  end.writeUInt16LE(version, 12);
  end.writeUInt16LE(version, 14);
  end.writeBigUInt64LE(BigInt(entries), 24);
  end.writeBigUInt64LE(BigInt(entries), 32);
  end.writeBigUInt64LE(BigInt(size), 40);
  end.writeBigUInt64LE(BigInt(offset), 48);
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(offset + size), 64);
  end.writeUInt32LE(1, 72);
  end.writeUInt32LE(0x06054b50, 76);
  end.writeUInt16LE(Math.min(entries, largest16), 84);
  end.writeUInt16LE(Math.min(entries, largest16), 86);
  end.writeUInt32LE(Math.min(size, largest32), 88);
  end.writeUInt32LE(Math.min(offset, largest32), 92);
  return end;
}
