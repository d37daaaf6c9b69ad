/** safetensors and NumPy files, against those that the safetensors library and NumPy wrote (test/fixtures/make_checkpoints.py). */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { CheckpointError } from "../../src/checkpoint/checkpoint-error.ts";
import { readNpy, writeNpy } from "../../src/checkpoint/npy.ts";
import { readSafetensors } from "../../src/checkpoint/safetensors.ts";
import { checkpointFixture } from "../support/checkpoint-fixtures.ts";
import { writeSafetensors } from "../support/safetensors.ts";
import { temporaryFile } from "../support/temporary-folder.ts";

interface Described {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly (number | string)[];
}

const expected: Record<string, Described> = JSON.parse(
  await readFile(checkpointFixture("tensors.json"), "utf8"),
);

async function expectTensors(path: string): Promise<void> {
  const file = await readSafetensors(path);
  assert.deepEqual(new Set(file.tensors.keys()), new Set(Object.keys(expected)));
  for (const [name, { dtype, shape, values }] of Object.entries(expected)) {
    const tensor = file.tensors.get(name);
    assert.equal(tensor?.dtype, dtype, name);
    assert.deepEqual(tensor?.shape, shape, name);
    const convert = dtype === "int64" ? BigInt : Number;
    assert.deepEqual(
      [...((await tensor?.read()) ?? [])],
      values.map((value) => convert(value)),
      name,
    );
  }
  assert.equal(file.metadata.format, "pt");
  await file.close();
}

async function rejects(promise: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => error instanceof CheckpointError && message.test(error.message));
}

test("safetensors files are read, and written so that they read the same", async () => {
  await expectTensors(checkpointFixture("tensors.safetensors"));
  const path = temporaryFile("copy.safetensors");
  const original = await readSafetensors(checkpointFixture("tensors.safetensors"));
  await writeSafetensors(path, original.tensors);
  await original.close();
  await expectTensors(path);
});

test("damaged safetensors files are refused", async () => {
  const path = temporaryFile("damaged.safetensors");
  const whole = await readFile(checkpointFixture("tensors.safetensors"));
  for (const [content, message] of [
    [whole.subarray(0, 5), /cut short/],
    [whole.subarray(0, 100), /cut short/],
    [whole.subarray(0, whole.length - 1), /cut short/],
    [Buffer.from("\x02\0\0\0\0\0\0\0[]"), /not JSON/],
    [Buffer.from(whole.toString("latin1").replace('"F32"', '"F99"'), "latin1"), /F99/],
    [
      Buffer.from(whole.toString("latin1").replace('"shape":[2,3,4]', '"shape":[2,3,5]'), "latin1"),
      /is damaged/,
    ],
  ] as const) {
    await writeFile(path, content);
    await rejects(readSafetensors(path), message);
  }
});

test("NumPy arrays are read", async () => {
  assert.deepEqual(await readNpy(checkpointFixture("vector_float64.npy")), {
    shape: [3],
    data: Float64Array.of(1 / 3, -2.5, 1e300),
  });
  assert.deepEqual(await readNpy(checkpointFixture("scalar_float32.npy")), {
    shape: [],
    data: Float32Array.of(0.25),
  });
  assert.deepEqual(await readNpy(checkpointFixture("matrix_float16.npy")), {
    shape: [3, 2],
    data: Float32Array.of(0.5, -2, 3, 65504, 0, 1),
  });
  assert.deepEqual(await readNpy(checkpointFixture("cube_int64.npy")), {
    shape: [2, 2, 2],
    data: BigInt64Array.of(-4n, -3n, -2n, -1n, 0n, 1n, 2n, 3n),
  });
});

test("NumPy arrays of the format's later versions, whose headers have four bytes of length, are read", async () => {
  const whole = await readFile(checkpointFixture("vector_float64.npy"));
  const path = temporaryFile("later.npy");
  for (const version of [2, 3]) {
    const head = Buffer.from([...whole.subarray(0, 6), version, 0, ...whole.subarray(8, 10), 0, 0]);
    await writeFile(path, Buffer.concat([head, whole.subarray(10)]));
    assert.deepEqual(await readNpy(path), await readNpy(checkpointFixture("vector_float64.npy")));
  }
});

test("NumPy arrays are written byte for byte as NumPy writes them", async () => {
  for (const name of ["vector_float64.npy", "scalar_float32.npy", "cube_int64.npy"]) {
    const path = temporaryFile(name);
    await writeNpy(path, await readNpy(checkpointFixture(name)));
    assert.deepEqual(await readFile(path), await readFile(checkpointFixture(name)));
  }
});

test("files that are no NumPy array of numbers, or not a whole one, are refused", async () => {
  const path = temporaryFile("bad.npy");
  await writeFile(path, (await readFile(checkpointFixture("vector_float64.npy"))).subarray(0, -1));
  await rejects(readNpy(path), /cut short/);
  await writeFile(path, "no array");
  await rejects(readNpy(path), /not a NumPy array/);
  await rejects(readNpy(checkpointFixture("column_major.npy")), /column-major/);
  const floats = await readFile(checkpointFixture("vector_float64.npy"), "latin1");
  for (const type of [">f8", "<c8"]) {
    await writeFile(path, floats.replace("<f8", type), "latin1");
    await rejects(readNpy(path), new RegExp(`values of type ${type}, which is not supported`));
  }
  await rejects(readNpy(join(path, "nowhere")), /is no such file/);
});
