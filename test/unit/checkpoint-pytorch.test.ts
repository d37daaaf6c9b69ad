/** Reading and writing of PyTorch checkpoints, against files that PyTorch wrote (test/fixtures/make_checkpoints.py). */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { CheckpointError } from "../../src/checkpoint/checkpoint-error.ts";
import {
  type CheckpointValue,
  OrderedDict,
  PythonCall,
  PythonDict,
  PythonFloat,
  PythonName,
  PythonTuple,
  toPlain,
} from "../../src/checkpoint/python-values.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "../../src/checkpoint/pytorch.ts";
import { CheckpointTensor, type TensorData } from "../../src/checkpoint/tensor.ts";
import { checkpointFixture } from "../support/checkpoint-fixtures.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

interface Described {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly values: readonly (number | string)[];
}

async function describedTensors(name: string): Promise<Record<string, Described>> {
  return JSON.parse(await readFile(checkpointFixture(name), "utf8"));
}

function expectValues(data: TensorData, { dtype, values }: Described, name: string): void {
  const expected = dtype.endsWith("int64") ? values.map((value) => BigInt(value)) : values.map(Number);
  assert.deepEqual([...data], expected, name);
}

const opened: Checkpoint[] = [];
afterEach(() => Promise.all(opened.splice(0).map((checkpoint) => checkpoint.close())));

async function contentOf(path: string): Promise<CheckpointValue> {
  const checkpoint = await readCheckpoint(path);
  opened.push(checkpoint);
  return checkpoint.value;
}

async function dictOf(path: string): Promise<PythonDict> {
  const value = await contentOf(path);
  assert.ok(value instanceof PythonDict);
  return value;
}

async function rejected(path: string): Promise<string> {
  const error = await readCheckpoint(path).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CheckpointError, `${path} was ${error}`);
  assert.ok(error.message.startsWith(path), error.message);
  return error.message;
}

test("each type of Python's values is read", async () => {
  const values = await dictOf(checkpointFixture("values.pth"));
  assert.deepEqual(values.get("integers"), [
    ...[0, 255, 256, 65535, 65536, -1, 2 ** 31, -(2 ** 31), 2 ** 53 - 1],
    ...[2n ** 70n, -(2n ** 70n), 128, -129],
  ]);
  assert.deepEqual(
    values.get("floats"),
    [0.5, 1, -0, Number.POSITIVE_INFINITY, 1e-300].map((value) => new PythonFloat(value)),
  );
  assert.equal(values.get("nothing"), null);
  assert.deepEqual(values.get("truth"), new PythonTuple([true, false]));
  assert.equal(values.get("text"), "µm – 核");
  assert.equal(values.get("long text"), "ab".repeat(300));
  assert.deepEqual(values.get("bytes"), Uint8Array.of(97, 0, 255));
  assert.deepEqual(values.get("no bytes"), new Uint8Array());
  assert.deepEqual(values.get("bytearray"), Uint8Array.of(0x80, 0x7a));
  assert.deepEqual(toPlain(values.get("tuples") ?? null), [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]);
  assert.deepEqual(values.get("empty"), [[], new PythonDict(), new OrderedDict()]);
  assert.deepEqual(values.get("set"), new Set([3, 4]));
  const ordered = values.get("ordered");
  assert.ok(ordered instanceof OrderedDict);
  assert.deepEqual([...ordered.keys()], ["z", "a"]);
  assert.deepEqual(values.get("size"), new PythonTuple([2, 3]));
  assert.deepEqual(values.get("dtype"), new PythonName("torch.float32"));
  assert.deepEqual(values.get("device"), new PythonCall("torch.device", ["cpu"]));
  assert.deepEqual(toPlain(values.get(7) ?? null), { nested: { deeper: [1, [2, [3]]] } });
  assert.deepEqual(toPlain(values.get("shared") ?? null), [["once"], ["once"]]);
});

test("tensors of every type, order and place in their storage are read", async () => {
  const expected = await describedTensors("tensors.json");
  const tensors = await dictOf(checkpointFixture("tensors.pth"));
  assert.deepEqual([...tensors.keys()], Object.keys(expected));
  for (const [name, description] of Object.entries(expected)) {
    const tensor = tensors.get(name);
    assert.ok(tensor instanceof CheckpointTensor);
    assert.equal(tensor.dtype, description.dtype, name);
    assert.deepEqual(tensor.shape, description.shape, name);
    assert.deepEqual(tensor.strides, description.strides, name);
    expectValues(await tensor.read(), description, name);
    const into = new Float32Array(tensor.size);
    assert.equal(await tensor.read(into), into);
    assert.deepEqual(into, Float32Array.from(description.values, Number), name);
  }
});

test("a file without checksums is read", async () => {
  const tensor = (await dictOf(checkpointFixture("without_checksums.pth"))).get("weight");
  assert.ok(tensor instanceof CheckpointTensor);
  assert.equal((await tensor.read())[23], 23 / 4);
});

test("a file that would run a command is refused by that command's name and runs nothing", async () => {
  assert.match(
    await rejected(checkpointFixture("malicious.pth")),
    /import of "(posix|nt)\.system".*It was not run/s,
  );
  assert.equal(existsSync("HACKED"), false);
});

test("files that are no checkpoint of weights are refused with the reason", async () => {
  const folder = temporaryFolder();
  const files: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
    ["text.pth", "not a checkpoint at all", /not a PyTorch checkpoint/],
    ["empty.pth", "", /not a PyTorch checkpoint/],
    ["weights.pth", await readFile(checkpointFixture("tensors.safetensors")), /safetensors file/],
  ];
  for (const [name, content, message] of files) {
    await writeFile(join(folder, name), content);
    assert.match(await rejected(join(folder, name)), message);
  }
  assert.match(await rejected(join(folder, "nowhere.pth")), /is no such file/);
  assert.match(await rejected(folder), /is not a regular file/);
  assert.match(await rejected(checkpointFixture("old_format.pth")), /before version 1\.6.*torch\.save/);
  assert.match(await rejected(checkpointFixture("torchscript.pth")), /TorchScript/);
});

test("a number of NumPy, which training programs store, is kept as a description and not run", async () => {
  const best = (await dictOf(checkpointFixture("numpy_scalar.pth"))).get("best");
  assert.ok(best instanceof PythonCall);
  assert.match(best.name, /^numpy\.\S*multiarray\.scalar$/);
});

test("a file that was cut short anywhere is refused", async () => {
  const whole = await readFile(checkpointFixture("tensors.pth"));
  const path = join(temporaryFolder(), "cut.pth");
  for (const length of [1, 3, 100, 1000, whole.length / 2, whole.length - 100, whole.length - 1]) {
    await writeFile(path, whole.subarray(0, length));
    assert.match(await rejected(path), /cut short|damaged|not a PyTorch checkpoint/);
  }
});

test("a directory that lies further than any file is refused", async () => {
  const path = join(temporaryFolder(), "damaged.pth");
  const bytes = await readFile(checkpointFixture("tensors.pth"));
  // The zip64 end of central directory record has the directory's offset in bytes 48 to 55.
  bytes.fill(0x5d, bytes.lastIndexOf("PK\x06\x06") + 48, bytes.lastIndexOf("PK\x06\x06") + 56);
  await writeFile(path, bytes);
  assert.match(await rejected(path), /damaged/);
});

test("a damaged weight is noticed when it is read", async () => {
  const path = join(temporaryFolder(), "damaged.pth");
  await writeCheckpoint(path, { weight: CheckpointTensor.of(Float32Array.of(1, 1234.5, 2), [3]) });
  const bytes = await readFile(path);
  const place = bytes.indexOf(Buffer.from(Float32Array.of(1234.5).buffer));
  bytes[place] = 1;
  await writeFile(path, bytes);
  const tensor = (await dictOf(path)).get("weight");
  assert.ok(tensor instanceof CheckpointTensor);
  await assert.rejects(tensor.read(), /checksum of archive\/data\/0/);
});

test("values come back from a written file as they were", async () => {
  const path = join(temporaryFolder(), "values.pth");
  const value = await dictOf(checkpointFixture("values.pth"));
  value.delete("dtype");
  value.delete("device");
  await writeCheckpoint(path, value);
  assert.deepEqual(await contentOf(path), value);
});

test("plain objects and numbers become dicts, ints and floats", async () => {
  const path = join(temporaryFolder(), "plain.pth");
  await writeCheckpoint(path, {
    a: 1,
    b: 1.5,
    c: new PythonFloat(2),
    d: ["x", null, true],
    e: { f: -70000 },
  });
  const expected = new PythonDict(
    Object.entries<CheckpointValue>({
      a: 1,
      b: new PythonFloat(1.5),
      c: new PythonFloat(2),
      d: ["x", null, true],
      e: new PythonDict([["f", -70000]]),
    }),
  );
  assert.deepEqual(await contentOf(path), expected);
});

test("tensors can be copied from one file to another, and one that appears twice is stored once", async () => {
  const path = join(temporaryFolder(), "copy.pth");
  const expected = await describedTensors("tensors.json");
  const tensors = await dictOf(checkpointFixture("tensors.pth"));
  await writeCheckpoint(path, [tensors, tensors]);
  const copy = await contentOf(path);
  assert.ok(Array.isArray(copy));
  for (const dict of copy) {
    for (const [name, description] of Object.entries(expected)) {
      const tensor = dict.get(name);
      assert.equal(tensor.dtype, description.dtype);
      expectValues(await tensor.read(), description, name);
    }
  }
  const storages = (await readFile(path, "latin1")).match(/archive\/data\/\d+FB/g) ?? [];
  assert.equal(storages.length, tensors.size);
});

test("every entry's data begins at a multiple of 64 bytes, as PyTorch's memory mapping needs it", async () => {
  const path = join(temporaryFolder(), "aligned.pth");
  const lengths = [1, 7, 64, 1000];
  await writeCheckpoint(
    path,
    lengths.map((length) => CheckpointTensor.of(new Uint8Array(length).fill(0xee), [length])),
  );
  const bytes = await readFile(path);
  for (const length of lengths) {
    const place = bytes.indexOf(Buffer.alloc(length, 0xee));
    assert.equal(place % 64, 0);
    bytes.fill(0, place, place + length);
  }
});

test("a value that cannot be written is named with its place, and the old file stays", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "state.pth");
  await writeCheckpoint(path, { epoch: 1 });
  const endless: CheckpointValue[] = [];
  endless.push(endless);
  const failing = new CheckpointTensor("float32", [1], [1], () => Promise.reject(new Error("no more")));
  await assert.rejects(writeCheckpoint(path, { endless }), /contains itself/);
  await assert.rejects(
    writeCheckpoint(path, { a: [new PythonName("torch.float32")] }),
    /torch\.float32 at a\.0/,
  );
  await assert.rejects(writeCheckpoint(path, { failing }), /no more/);
  assert.deepEqual(await contentOf(path), new PythonDict([["epoch", 1]]));
  assert.deepEqual(await readdir(folder), ["state.pth"]);
  await assert.rejects(
    writeCheckpoint(join(folder, "none", "a.pth"), {}),
    /none.a\.pth could not be written: the folder/,
  );
});
