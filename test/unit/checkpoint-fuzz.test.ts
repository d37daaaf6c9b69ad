/** Damaged checkpoints: each is either read, or refused with a CheckpointError. Nothing in it runs. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { CheckpointError } from "../../src/checkpoint/checkpoint-error.ts";
import { type CheckpointValue, PythonDict, toPlain } from "../../src/checkpoint/python-values.ts";
import { readCheckpoint } from "../../src/checkpoint/pytorch.ts";
import { StoredZipWriter } from "../../src/checkpoint/stored-zip.ts";
import { CheckpointTensor } from "../../src/checkpoint/tensor.ts";
import { checkpointFixture } from "../support/checkpoint-fixtures.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Returns whole numbers by Marsaglia's xorshift32: the damage is the same in every run. */
function randomIntegers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Returns a copy with one to four places changed, removed, doubled, or replaced by opcodes of pickles. */
function damaged(whole: Uint8Array, random: (below: number) => number): Uint8Array {
  let bytes = Buffer.from(whole);
  for (let change = random(4); change >= 0; change--) {
    const place = random(bytes.length);
    const kind = random(4);
    if (kind === 0) bytes[place] = random(256);
    else if (kind === 1)
      bytes[place] = "().0NKMJGX]}aesuqrhjcRbQt\x81\x85\x86\x87\x8a".charCodeAt(random(30));
    else if (kind === 2)
      bytes = Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + 1 + random(8))]);
    else bytes = Buffer.concat([bytes.subarray(0, place + random(8)), bytes.subarray(place)]);
  }
  return bytes;
}

/** Whether a file and all its tensors can be read. Any error but a CheckpointError fails the test. */
async function isReadable(path: string): Promise<boolean> {
  try {
    const checkpoint = await readCheckpoint(path);
    try {
      toPlain(checkpoint.value);
      for (const tensor of tensorsIn(checkpoint.value)) if (tensor.size < 1e6) await tensor.read();
    } finally {
      await checkpoint.close();
    }
    return true;
  } catch (error) {
    assert.ok(error instanceof CheckpointError, `${error instanceof Error ? error.stack : error}`);
    return false;
  }
}

function tensorsIn(value: CheckpointValue): CheckpointTensor[] {
  const items = value instanceof PythonDict ? [...value.values()] : [value];
  return items.filter((item) => item instanceof CheckpointTensor);
}

/** Writes an archive with a right checksum of a damaged pickle, and with storages that it may name. */
async function writeArchive(path: string, pickle: Uint8Array): Promise<void> {
  const file = await open(path, "w");
  const zip = new StoredZipWriter(file);
  await zip.add("archive/data.pkl", pickle);
  for (let key = 0; key < 24; key++) await zip.add(`archive/data/${key}`, new Uint8Array(256));
  await zip.finish();
  await file.close();
}

function pickleIn(archive: Buffer): Buffer {
  const start = archive.indexOf("\x80\x02", 0, "latin1");
  // The entry after it begins with ZIP's signature.
  const end = archive.indexOf("PK", start);
  return archive.subarray(start, archive.lastIndexOf(".", end - 1) + 1);
}

for (const name of ["tensors.pth", "values.pth", "malicious.pth"]) {
  test(`damaged pickles of ${name} are read or refused`, async () => {
    const path = join(temporaryFolder(), "damaged.pth");
    const pickle = pickleIn(await readFile(checkpointFixture(name)));
    await writeArchive(path, pickle);
    assert.equal(await isReadable(path), name !== "malicious.pth", "the undamaged file");
    const random = randomIntegers(pickle.length);
    let readable = 0;
    for (let round = 0; round < 200; round++) {
      await writeArchive(path, damaged(pickle, random));
      if (await isReadable(path)) readable++;
    }
    assert.ok(readable < 200);
    assert.equal(existsSync("HACKED"), false);
  });
}

test("damaged archives are read or refused", async () => {
  const path = join(temporaryFolder(), "damaged.pth");
  const whole = await readFile(checkpointFixture("tensors.pth"));
  const random = randomIntegers(99);
  for (let round = 0; round < 500; round++) {
    await writeFile(path, damaged(whole, random));
    await isReadable(path);
  }
  await writeFile(path, whole);
  assert.equal(await isReadable(path), true);
});
