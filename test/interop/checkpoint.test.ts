/** What this project writes, opened by PyTorch, safetensors, NumPy and BiaPy. Needs BIAPY_PYTHON: a Python that has them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadBiapyCheckpoint, saveBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { writeNpy } from "../../src/checkpoint/npy.ts";
import { OrderedDict, PythonDict, PythonFloat, PythonTuple } from "../../src/checkpoint/python-values.ts";
import { readCheckpoint, writeCheckpoint } from "../../src/checkpoint/pytorch.ts";
import { CheckpointTensor } from "../../src/checkpoint/tensor.ts";
import { writeSafetensors } from "../support/safetensors.ts";
import { python, skip } from "./python.ts";

function judged(kind: string, path: string) {
  const script = join(import.meta.dirname, "checkpoint-judge.py");
  return JSON.parse(execFileSync(python, [script, kind, path], { encoding: "utf8", maxBuffer: 1e8 }));
}

async function temporaryFile(name: string): Promise<string> {
  return join(await mkdtemp(join(tmpdir(), "checkpoint-")), name);
}

const tensors = {
  float32: CheckpointTensor.of(Float32Array.of(0.5, -2, 3, 4, 5, 6), [2, 3]),
  float64: CheckpointTensor.of(Float64Array.of(1e300), [1]),
  float16: CheckpointTensor.of(Uint16Array.of(0x3c00, 0xc000), [2], "float16"),
  bfloat16: CheckpointTensor.of(Uint16Array.of(0x3f80), [1], "bfloat16"),
  int8: CheckpointTensor.of(Int8Array.of(-128), [1]),
  uint8: CheckpointTensor.of(Uint8Array.of(255), [1]),
  int16: CheckpointTensor.of(Int16Array.of(-32768), [1]),
  uint16: CheckpointTensor.of(Uint16Array.of(65535), [1]),
  int32: CheckpointTensor.of(Int32Array.of(-(2 ** 31)), [1]),
  uint32: CheckpointTensor.of(Uint32Array.of(2 ** 32 - 1), [1]),
  int64: CheckpointTensor.of(BigInt64Array.of(-(2n ** 63n)), [1]),
  uint64: CheckpointTensor.of(BigUint64Array.of(2n ** 64n - 1n), [1]),
  bool: CheckpointTensor.of(Uint8Array.of(1, 0), [2], "bool"),
  scalar: CheckpointTensor.of(Float32Array.of(7), []),
  empty: CheckpointTensor.of(new Float32Array(0), [0, 3]),
};

const foundTensors: Record<string, { shape: number[]; values: string[] }> = {
  float32: { shape: [2, 3], values: ["0.5", "-2.0", "3.0", "4.0", "5.0", "6.0"] },
  float64: { shape: [1], values: ["1e+300"] },
  float16: { shape: [2], values: ["1.0", "-2.0"] },
  bfloat16: { shape: [1], values: ["1.0"] },
  int8: { shape: [1], values: ["-128"] },
  uint8: { shape: [1], values: ["255"] },
  int16: { shape: [1], values: ["-32768"] },
  uint16: { shape: [1], values: ["65535"] },
  int32: { shape: [1], values: ["-2147483648"] },
  uint32: { shape: [1], values: ["4294967295"] },
  int64: { shape: [1], values: ["-9223372036854775808"] },
  uint64: { shape: [1], values: ["18446744073709551615"] },
  bool: { shape: [2], values: ["True", "False"] },
  scalar: { shape: [], values: ["7.0"] },
  empty: { shape: [0, 3], values: [] },
};

const expectedTensors = Object.entries(foundTensors).map(([name, found]) => {
  const dtype = `torch.${name === "scalar" || name === "empty" ? "float32" : name}`;
  return [`str '${name}'`, { dtype, ...found }];
});

test("PyTorch opens written values and tensors, in safe mode and memory-mapped", { skip }, async () => {
  const path = await temporaryFile("values.pth");
  const integers = [
    0,
    255,
    256,
    -1,
    2 ** 31,
    -(2 ** 31) - 1,
    2 ** 53 - 1,
    2n ** 70n,
    -(2n ** 70n),
    128n,
    -128n,
  ];
  await writeCheckpoint(path, {
    integers,
    floats: [0.5, new PythonFloat(1), new PythonFloat(-0), 1e300],
    others: [null, true, false, "µm – 核", Uint8Array.of(0, 200), new Uint8Array()],
    tuple: new PythonTuple([1, new PythonTuple([])]),
    set: new Set([3]),
    ordered: new OrderedDict([["z", 1]]),
    dict: new PythonDict([[7, { empty: {} }]]),
    tensors,
  });
  const found = judged("values", path);
  assert.equal(found["damaged entry"], null);
  assert.deepEqual(found.mapped, found.value);
  const dict = (items: unknown[]) => ({ type: "dict", items });
  assert.deepEqual(
    found.value,
    dict([
      ["str 'integers'", { type: "list", items: integers.map((value) => `int ${value}`) }],
      ["str 'floats'", { type: "list", items: ["float 0.5", "float 1.0", "float -0.0", "float 1e+300"] }],
      [
        "str 'others'",
        {
          type: "list",
          items: [
            ...["NoneType None", "bool True", "bool False"],
            ...["str 'µm – 核'", "bytes b'\\x00\\xc8'", "bytes b''"],
          ],
        },
      ],
      ["str 'tuple'", { type: "tuple", items: ["int 1", { type: "tuple", items: [] }] }],
      ["str 'set'", { type: "set", items: ["int 3"] }],
      ["str 'ordered'", { type: "OrderedDict", items: [["str 'z'", "int 1"]] }],
      ["str 'dict'", dict([["int 7", dict([["str 'empty'", dict([])]])]])],
      ["str 'tensors'", dict(expectedTensors)],
    ]),
  );
});

test("the safetensors library opens written tensors", { skip }, async () => {
  const path = await temporaryFile("tensors.safetensors");
  await writeSafetensors(path, new Map(Object.entries(tensors)));
  const found = judged("safetensors", path);
  assert.deepEqual(new Map(found.items), new Map(expectedTensors as [string, unknown][]));
});

test("NumPy opens a written array", { skip }, async () => {
  const path = await temporaryFile("array.npy");
  await writeNpy(path, { shape: [2, 1], data: Float32Array.of(0.5, -2) });
  assert.deepEqual(judged("npy", path), { dtype: "float32", shape: [2, 1], values: [0.5, -2] });
});

test("BiaPy loads a written checkpoint and continues its training", { skip }, async () => {
  const fixture = join(import.meta.dirname, "../fixtures/checkpoint/biapy.pth");
  const original = await loadBiapyCheckpoint(fixture);
  const source = await readCheckpoint(fixture);
  assert.ok(source.value instanceof PythonDict);
  const path = await temporaryFile("cells_1-checkpoint-4.pth");
  await saveBiapyCheckpoint(path, {
    weights: original.weights,
    modelBuildArguments: source.value.get("model_build_kwargs") ?? null,
    optimizer: original.optimizer,
    epoch: 4,
    config: source.value.get("cfg") ?? null,
    engineState: { step: 1234, best: { loss: 0.25 }, random: [1, 2n ** 60n] },
  });
  let sum = 0;
  for (const tensor of original.weights.values())
    for (const value of await tensor.read()) sum += Number(value);
  await original.close();
  await source.close();

  const found = judged("biapy", path);
  assert.ok(Math.abs(found["weights sum"] - sum) < 1e-6 * Math.abs(sum));
  assert.equal(found.architecture, "mae");
  assert.equal(found["patch size"], "(16, 16, 1)");
  assert.equal(found.version, "3.7.1");
  assert.equal(found.epoch, 4);
  // Two steps before, one after.
  assert.deepEqual(found.steps, [3]);
  assert.deepEqual(found["engine state"].items[0], ["str 'step'", "int 1234"]);
  const settings = new Map(found.settings.items);
  assert.equal(settings.get("str 'weight_decay'"), "float 0.02");
  assert.deepEqual(settings.get("str 'betas'"), { type: "tuple", items: ["float 0.9", "float 0.999"] });
});
