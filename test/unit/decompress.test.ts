/** Zstandard frames without their size, as compressors of streams write them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateZstd } from "../../src/images/decompress.ts";

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));

/** Output of `zstd -c` for standard input: 300,000 zeros (three blocks), and no bytes. */
const ZEROS = bytes("KLUv/QRYVAAAEAAAAQD7/znAAgIAEAADnwQALSjeJg==");
const NOTHING = bytes("KLUv/SQAAQAAmenYUQ==");

test("a Zstandard frame without a size takes the memory of its blocks, whatever the limit", async () => {
  // More than a 32-bit memory holds: a buffer of this size cannot be had.
  const most = 2 ** 33;
  assert.deepEqual(await inflateZstd(ZEROS, most), new Uint8Array(300_000));
  const twice = new Uint8Array([...ZEROS, ...ZEROS]);
  assert.equal((await inflateZstd(twice, most)).length, 600_000);
  const skipped = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2);
  assert.equal((await inflateZstd(new Uint8Array([...ZEROS, ...skipped]), most)).length, 300_000);
});

test("a frame with more than the limit, a damaged and a shortened one are refused", async () => {
  assert.equal((await inflateZstd(ZEROS, 300_000)).length, 300_000);
  await assert.rejects(inflateZstd(ZEROS, 299_999), /more data than the 299999 bytes/);
  const damaged = Uint8Array.from(ZEROS);
  damaged[10] ^= 0xff;
  await assert.rejects(inflateZstd(damaged, 2 ** 33), /damaged Zstandard data|cut short/);
  for (const length of [8, 20, ZEROS.length - 1])
    await assert.rejects(inflateZstd(ZEROS.subarray(0, length), 2 ** 33), /cut short/);
  await assert.rejects(inflateZstd(new Uint8Array([...ZEROS, 1, 2, 3]), 2 ** 33), /no Zstandard data/);
});

test("an empty frame is empty", async () => {
  assert.equal((await inflateZstd(NOTHING, 10)).length, 0);
});
