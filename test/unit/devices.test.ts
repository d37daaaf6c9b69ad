import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { deviceItems } from "../../src/extension/commands/device-items.ts";
import { driverProblem } from "../../src/install/cuda.ts";
import { isOutOfMemory } from "../../src/runtime/device-memory-error.ts";
import { describeDevices, listDevices } from "../../src/runtime/devices.ts";
import { parseNvidiaGpus } from "../../src/runtime/nvidia-gpus.ts";
import { numbersIn, physicalCores } from "../../src/runtime/physical-cores.ts";
import { wantedGpu } from "../../src/workflow/device-choice.ts";
import { largestBatch, smallerBatch } from "../../src/workflow/largest-batch.ts";

const GIBIBYTE = 2 ** 30;

test("nvidia-smi's table is read", () => {
  const table = "NVIDIA GeForce RTX 3060, 12288, 11522, 580.65.06\nNVIDIA H100, 81559, 80000, 580.65.06\n";
  const [first, second] = parseNvidiaGpus(table);
  assert.deepEqual(first, {
    name: "NVIDIA GeForce RTX 3060",
    memoryBytes: 12 * GIBIBYTE,
    freeBytes: 11522 * 2 ** 20,
    driver: "580.65.06",
  });
  assert.equal(second.name, "NVIDIA H100");
  assert.deepEqual(parseNvidiaGpus("NVIDIA-SMI has failed\n"), []);
});

test("a driver too old for CUDA is named, with what is needed", () => {
  assert.equal(driverProblem("580.65.06"), undefined);
  assert.equal(driverProblem("610.1"), undefined);
  assert.match(String(driverProblem("535.183.01")), /535\.183\.01 is too old.*580/);
});

test("--gpu and SYSTEM.DEVICE say which GPU, none, or leave it open", () => {
  const wish = (gpu?: string, device?: string) => wantedGpu({ gpu, device, runtime: undefined, threads: 1 });
  assert.equal(wish("0"), 0);
  assert.equal(wish("1,2"), 1);
  assert.equal(wish(""), "none");
  assert.equal(wish("cpu"), "none");
  assert.equal(wish("auto"), "automatic");
  assert.equal(wish(), "automatic");
  assert.equal(wish(undefined, "cpu"), "none");
  assert.equal(wish(undefined, "cuda:1"), 1);
  assert.equal(wish(undefined, "cuda"), 0);
  assert.equal(wish("", "cuda"), "none", "the command line counts");
});

test("the largest batch that fits is found in few trials", async () => {
  for (const [batch, limit] of [
    [64, 37],
    [64, 1],
    [2, 1],
    [1000, 999],
    [8, 0],
  ]) {
    let trials = 0;
    const found = await largestBatch(batch, async (size) => {
      trials++;
      assert.ok(size > 0 && size < batch);
      return size <= limit;
    });
    assert.ok(found <= limit && found >= limit - Math.floor(limit / 8), `${found} for a limit of ${limit}`);
    assert.ok(trials <= Math.ceil(Math.log2(batch)) + 1, `${trials} trials`);
  }
});

test("a batch that does not fit is answered with the one that does", async () => {
  const { config } = loadConfig("job.yaml", "TRAIN:\n  BATCH_SIZE: 32\n");
  const answer = (limit: number) =>
    smallerBatch(
      {
        config,
        report: () => {},
        signal: new AbortController().signal,
        fits: async (batch) => batch <= limit,
      },
      "a small GPU",
    );
  const [problem] = (await answer(12)).problems;
  assert.deepEqual([problem.key, problem.line, problem.suggestion], ["TRAIN.BATCH_SIZE", 2, "12"]);
  assert.match(problem.message, /32 does not fit into the memory of a small GPU; 12 is/);
  const [none] = (await answer(0)).problems;
  assert.match(none.message, /not even a batch of one/);
  assert.equal(none.suggestion, undefined);
});

test("messages of memory that ran out are known from others", () => {
  const yes = [
    "Failed to allocate memory for requested buffer of size 4294967296",
    "CUDA failure 2: out of memory ; GPU=0",
    "VK_ERROR_OUT_OF_DEVICE_MEMORY",
    "Buffer size (4294967296) exceeds the max buffer size limit (1073741824)",
  ];
  for (const message of yes) assert.ok(isOutOfMemory(message), message);
  for (const message of ["No supported adapters", "Non-zero status code returned while running Conv node"])
    assert.ok(!isOutOfMemory(message), message);
});

test("devices are listed with the CPU's physical cores", async () => {
  assert.deepEqual(numbersIn("0-2,5"), [0, 1, 2, 5]);
  const devices = await listDevices();
  assert.equal(devices.cpu.cores, physicalCores());
  assert.ok(devices.cpu.cores >= 1);
  const text = describeDevices(devices);
  assert.match(text, /^CPU {4}.* cores, .*--gpu ""/);
  assert.equal(text.split("\n").filter((line) => line.startsWith("GPU")).length, devices.gpus.length);
});

test("of GPUs to choose from, what does not train on them is told with the reasons", () => {
  const cpu = { name: "A CPU", cores: 8, memoryBytes: 32 * GIBIBYTE };
  const gpu = (
    index: number,
    name: string,
    routes: string[],
    refused: { route: string; reason: string }[],
  ) => ({
    index,
    name,
    memoryBytes: 16 * GIBIBYTE,
    routes,
    refused,
  });
  const old = { route: "CUDA", reason: "the driver is too old" };
  const hidden = { route: "WebGPU", reason: "the system does not show it" };
  const gpus = [
    gpu(0, "Whole", ["cuda"], []),
    gpu(1, "Half", ["webgpu"], [old]),
    gpu(2, "None", [], [old, hidden]),
  ];
  const [fastest, processor, whole, half, none, why, ...more] = deviceItems({ cpu, gpus }, "1");
  assert.deepEqual([fastest.gpu, processor.gpu, whole.gpu, half.gpu], ["", "cpu", "0", "1"]);
  assert.match(half.label, /^\$\(check\) Half$/);
  assert.equal(half.description, "16.0 GB, webgpu");
  assert.equal(none.gpu, undefined);
  assert.equal(
    none.reasons,
    "None:\nWithout CUDA: the driver is too old.\nWithout WebGPU: the system does not show it.",
  );
  assert.equal(why.gpu, undefined);
  assert.equal(why.reasons, "Half:\nWithout CUDA: the driver is too old.");
  assert.deepEqual(more, []);
  assert.equal(deviceItems({ cpu, gpus: gpus.slice(0, 1) }, "").length, 3);
});
