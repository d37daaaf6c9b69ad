/** Checksums of chunks: CRC-32, CRC-32C and Adler-32 (RFC 1950). */
import { crc32 } from "node:zlib";
import { crc32c } from "../facts/crc32c.ts";

const ADLER_MODULUS = 65_521;

function adler32(bytes: Uint8Array): number {
  let [low, high] = [1, 0];
  for (const byte of bytes) {
    low = (low + byte) % ADLER_MODULUS;
    high = (high + low) % ADLER_MODULUS;
  }
  return high * 65_536 + low;
}

/** Checksums of four bytes, by numcodecs' and Zarr's names. */
export const CHECKSUMS = { crc32, crc32c, adler32 } satisfies Readonly<
  Record<string, (bytes: Uint8Array) => number>
>;

/** Returns the data without their checksum. Throws if it does not fit them. */
export function withoutChecksum(
  bytes: Uint8Array,
  kind: keyof typeof CHECKSUMS,
  location: "start" | "end",
): Uint8Array {
  if (bytes.length < 4) throw new Error(`data shorter than their checksum (${kind})`);
  const data = location === "end" ? bytes.subarray(0, -4) : bytes.subarray(4);
  const place = location === "end" ? bytes.length - 4 : 0;
  const stored = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(place, true);
  if (stored !== CHECKSUMS[kind](data)) throw new Error(`data that do not fit their checksum (${kind})`);
  return data;
}
