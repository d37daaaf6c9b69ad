/**
 * Finds types whose bits lie otherwise than in the processor's: the library hands out their bits unconverted, and does not say so. Reads
 * the dataset's object header (https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, IV.A).
 */
import { closeSync, openSync, readSync } from "node:fs";
import type * as h5wasm from "h5wasm/node";

/** Object headers are read so far. A dataset's type stands at its beginning. */
const HEADER_BYTES = 4096;
const DATATYPE = 3;
const [INTEGER, FLOAT] = [0, 1];

/** Bit offset, precision, exponent's place and width, fraction's place and width, and bias, of IEEE 754's floats by bytes. */
const IEEE: Readonly<Record<number, string>> = {
  2: "0 16 10 5 0 10 15",
  4: "0 32 23 8 0 23 127",
  8: "0 64 52 11 0 52 1023",
};

/**
 * Names a type that the library does not convert: `12 bits of 16`. Undefined for other types, and if the header is not found.
 *
 * @param base where the file's addresses begin, behind a block of the user's
 */
export function unusualLayout(path: string, base: number, dataset: h5wasm.Dataset): string | undefined {
  const reference = dataset.create_reference().ref_data;
  const address = Number(Buffer.from(reference).readBigUInt64LE());
  const type = datatypeAt(path, base, address);
  if (type === undefined || type.length < 12) return undefined;
  const [kind, size] = [type.readUInt8(0) & 0x0f, type.readUInt32LE(4)];
  if (size !== dataset.metadata.size) return undefined;
  const [offset, precision] = [type.readUInt16LE(8), type.readUInt16LE(10)];
  if (kind === INTEGER) {
    const whole = precision === 8 * size;
    return offset === 0 && (whole || !dataset.metadata.signed)
      ? undefined
      : `${precision} bits of ${8 * size}`;
  }
  if (kind !== FLOAT || type.length < 20) return undefined;
  const places = [offset, precision, ...type.subarray(12, 16), type.readUInt32LE(16)].join(" ");
  return places === IEEE[size] ? undefined : "floats of another layout than IEEE 754's";
}

/** Returns a datatype message; undefined if there is none where it is expected. */
function datatypeAt(path: string, base: number, address: number): Buffer | undefined {
  const header = bytesAt(path, base + address);
  for (const { kind, shared, data } of messages(header)) {
    if (kind !== DATATYPE) continue;
    if (!shared) return data;
    // A named type has its own object header. Since version 3 a message may also stand in the file's heap.
    const [version = 0, place] = data;
    const own = data.length >= 10 && (version === 2 || (version === 3 && place === NAMED));
    const named = own ? Number(data.readBigUInt64LE(2)) : undefined;
    return named === undefined || named === address ? undefined : datatypeAt(path, base, named);
  }
  return undefined;
}

function bytesAt(path: string, offset: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  const file = openSync(path, "r");
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, HEADER_BYTES, offset));
  } finally {
    closeSync(file);
  }
}

interface Message {
  readonly kind: number;
  /** Whether the message stands elsewhere, and the data tell where. */
  readonly shared: boolean;
  readonly data: Buffer;
}

const SHARED = 2;
/** Where a shared message stands: with a named object. */
const NAMED = 2;

function* messages(header: Buffer): Generator<Message> {
  const second = header.toString("latin1", 0, 4) === "OHDR";
  const flags = second && header.length > 6 ? header.readUInt8(5) : 0;
  if (!second && header[0] !== 1) return;
  const times = (flags & 0x20) !== 0 ? 16 : 0;
  const limits = (flags & 0x10) !== 0 ? 4 : 0;
  const prefix = second ? 4 + ((flags & 4) !== 0 ? 2 : 0) : 8;
  let at = second ? 6 + times + limits + 2 ** (flags & 3) : 16;
  while (at + prefix <= header.length) {
    const kind = second ? header.readUInt8(at) : header.readUInt16LE(at);
    const length = header.readUInt16LE(at + (second ? 1 : 2));
    const shared = (header.readUInt8(at + (second ? 3 : 4)) & SHARED) !== 0;
    yield { kind, shared, data: header.subarray(at + prefix, at + prefix + length) };
    at += prefix + length;
  }
}
