/** safetensors and NumPy files, against those that the safetensors library and NumPy wrote (test/fixtures/make_checkpoints.py). */
import assert from "node:assert/strict";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CheckpointError } from "../../src/checkpoint/checkpoint-error.ts";
import { readNpy, writeNpy } from "../../src/checkpoint/npy.ts";
import { readSafetensors } from "../../src/checkpoint/safetensors.ts";
import { writeSafetensors } from "../support/safetensors.ts";

const fixture = (name: string) => join(import.meta.dirname, "../fixtures/checkpoint", name);

interface Described {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly (number | string)[];
}

const expected: Record<string, Described> = JSON.parse(await readFile(fixture("tensors.json"), "utf8"));

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

async function temporaryFile(name: string): Promise<string> {
  return join(await mkdtemp(join(tmpdir(), "checkpoint-")), name);
}

async function rejects(promise: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => error instanceof CheckpointError && message.test(error.message));
}

test("safetensors files are read, and written so that they read the same", async () => {
  await expectTensors(fixture("tensors.safetensors"));
  const path = await temporaryFile("copy.safetensors");
  const original = await readSafetensors(fixture("tensors.safetensors"));
  await writeSafetensors(path, original.tensors);
  await original.close();
  await expectTensors(path);
});

test("damaged safetensors files are refused", async () => {
  const path = await temporaryFile("damaged.safetensors");
  const whole = await readFile(fixture("tensors.safetensors"));
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
  assert.deepEqual(await readNpy(fixture("vector_float64.npy")), {
    shape: [3],
    data: Float64Array.of(1 / 3, -2.5, 1e300),
  });
  assert.deepEqual(await readNpy(fixture("scalar_float32.npy")), { shape: [], data: Float32Array.of(0.25) });
  assert.deepEqual(await readNpy(fixture("matrix_float16.npy")), {
    shape: [3, 2],
    data: Float32Array.of(0.5, -2, 3, 65504, 0, 1),
  });
  assert.deepEqual(await readNpy(fixture("cube_int64.npy")), {
    shape: [2, 2, 2],
    data: BigInt64Array.of(-4n, -3n, -2n, -1n, 0n, 1n, 2n, 3n),
  });
});

test("NumPy arrays are written byte for byte as NumPy writes them", async () => {
  for (const name of ["vector_float64.npy", "scalar_float32.npy", "cube_int64.npy"]) {
    const path = await temporaryFile(name);
    await writeNpy(path, await readNpy(fixture(name)));
    assert.deepEqual(await readFile(path), await readFile(fixture(name)));
  }
});

test("what is no NumPy array, or not a whole one, is refused", async () => {
  const path = await temporaryFile("bad.npy");
  await writeFile(path, (await readFile(fixture("vector_float64.npy"))).subarray(0, -1));
  await rejects(readNpy(path), /cut short/);
  await writeFile(path, "no array");
  await rejects(readNpy(path), /not a NumPy array/);
  await rejects(readNpy(fixture("column_major.npy")), /column-major/);
  await rejects(readNpy(join(path, "nowhere")), /is no such file/);
});
