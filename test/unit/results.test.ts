import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { decode } from "fast-png";
import { resultTree } from "../../src/facts/result-tree.ts";
import { writeCharts } from "../../src/results/chart-thread.ts";
import { TensorboardWriter } from "../../src/results/tensorboard.ts";
import { appendTrainLog, type EpochRecord, readTrainLog, trainLogPath } from "../../src/results/train-log.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const HISTORY: EpochRecord[] = [3, 2, 1.5, 1.7].map((loss, index) => ({
  epoch: index + 1,
  train: { loss: loss - 0.1, psnr: 10 + index },
  validation: { loss, psnr: 9 + index },
  learningRate: 1e-3,
  seconds: 2,
}));

test("each metric has a chart with both curves in their colors", async () => {
  const tree = resultTree(temporaryFolder(), "job", 2);
  const files = await writeCharts(tree, HISTORY);
  assert.deepEqual(
    files,
    ["loss", "psnr"].map((metric) => join(tree.charts, `job_2_${metric}.png`)),
  );
  for (const file of files) {
    const { width, height, data, channels } = decode(await readFile(file));
    assert.deepEqual([width, height], [900, 560]);
    const close = (at: number, color: readonly number[]) =>
      color.every((value, index) => Math.abs(data[at + index] - value) < 8);
    for (const color of [
      [0x3b, 0x6f, 0xb6],
      [0xd1, 0x60, 0x2f],
    ]) {
      let pixels = 0;
      for (let at = 0; at < data.length; at += channels) if (close(at, color)) pixels++;
      assert.ok(pixels > 300, `${pixels} pixels of a curve in ${file}`);
    }
  }
});

test("a log is read as it was written, without a last line that was cut off", async () => {
  const path = trainLogPath(resultTree(temporaryFolder(), "job", 1));
  for (const record of HISTORY) await appendTrainLog(path, record);
  await writeFile(path, `${await readFile(path, "utf8")}{"epoch": 5, "train_lo`);
  assert.deepEqual(await readTrainLog(path), HISTORY);
});

/** CRC-32C bit by bit, as RFC 3720 has it. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test("TensorBoard's files are whole frames with right checksums", async () => {
  assert.equal(checksum(Buffer.from("123456789")), 0xe3069283);
  const masked = (bytes: Uint8Array) => {
    const crc = checksum(bytes);
    return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  };
  const folder = temporaryFolder();
  const writer = new TensorboardWriter(folder);
  await writer.scalars({ train_loss: 0.5, lr: 1e-3 }, 1);
  await writer.scalars({ train_loss: 0.25 }, 2);
  const [name] = await readdir(folder);
  assert.match(name, /^events\.out\.tfevents\.\d+\./);
  const file = await readFile(join(folder, name));
  const frames: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    const data = file.subarray(at + 12, at + 12 + length);
    assert.equal(file.readUInt32LE(at + 8), masked(file.subarray(at, at + 8)));
    assert.equal(file.readUInt32LE(at + 12 + length), masked(data));
    frames.push(data);
    at += 16 + length;
  }
  assert.equal(frames.length, 3);
  assert.ok(frames[0].includes("brain.Event:2"));
  /** A summary's fields 1 and 2: the name, and a float. */
  const scalar = (tag: string, value: number) => {
    const bytes = Buffer.from(`\x0a${String.fromCharCode(tag.length)}${tag}\x15\0\0\0\0`);
    bytes.writeFloatLE(value, bytes.length - 4);
    return bytes;
  };
  assert.ok(frames[1].includes(scalar("train_loss", 0.5)) && frames[1].includes(scalar("lr", 1e-3)));
  assert.ok(frames[2].includes(scalar("train_loss", 0.25)) && !frames[2].includes("lr\x15"));
});
