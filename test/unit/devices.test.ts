import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { deviceItems } from "../../src/extension/commands/device-items.ts";
import { driverProblem } from "../../src/install/cuda.ts";
import { isOutOfMemory } from "../../src/runtime/device-memory-error.ts";
import { describeDevices, type Gpu, listDevices } from "../../src/runtime/devices.ts";
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

test("a GPU that shares the computer's memory, of which nvidia-smi reports none, is listed without memory", () => {
  const [gpu] = parseNvidiaGpus("NVIDIA GB10, [N/A], [N/A], 580.95.05\n");
  assert.deepEqual(gpu, {
    name: "NVIDIA GB10",
    memoryBytes: undefined,
    freeBytes: undefined,
    driver: "580.95.05",
  });
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
  assert.equal(wish("mps"), 0, "as BiaPy's --gpu mps");
  assert.equal(wish(undefined, "mps"), 0);
  assert.equal(wish("auto"), "automatic");
  assert.equal(wish(), "automatic");
  assert.equal(wish(undefined, "cpu"), "none");
  assert.equal(wish(undefined, "cuda:1"), 1);
  assert.equal(wish(undefined, "cuda"), 0);
  assert.equal(wish("", "cuda"), "none", "the command line counts");
});

test("the largest batch that fits is found to within an eighth, in few trials", async () => {
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

test("the problem of a batch that does not fit names one that does", async () => {
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
  // Batches are tried to within an eighth.
  const [problem] = (await answer(19)).problems;
  assert.deepEqual([problem.key, problem.line, problem.suggestion], ["TRAIN.BATCH_SIZE", 2, "18"]);
  assert.match(problem.message, /32 does not fit into the memory of a small GPU; 18 does\./);
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
  const { cpu, gpus, note } = await listDevices();
  assert.equal(cpu.cores, physicalCores());
  assert.ok(cpu.cores >= 1 && cpu.cores <= availableParallelism(), `${cpu.cores} cores`);
  assert.deepEqual(
    gpus.map(({ index }) => index),
    gpus.map((_, place) => place),
  );
  assert.equal(note !== undefined, gpus.length === 0);
});

test("devices are described with what --gpu takes, and routes that do not work with the reason", () => {
  const cpu = { name: "A CPU", cores: 8, memoryBytes: 32 * GIBIBYTE };
  const found = { software: false, power: "high-performance" } as const;
  const old = { route: "CUDA", reason: "the driver is too old" };
  const gpus: Gpu[] = [
    {
      ...found,
      index: 0,
      adapterIndex: 0,
      name: "One",
      memoryBytes: 16 * GIBIBYTE,
      routes: ["cuda", "webgpu"],
      refused: [],
    },
    { ...found, index: 1, adapterIndex: 1, name: "Two", routes: [], refused: [old] },
  ];
  assert.deepEqual(describeDevices({ cpu, gpus }).split("\n"), [
    'CPU    A CPU, 8 cores, 32.0 GB   --gpu ""',
    "GPU 0  One, 16.0 GB: CUDA, WebGPU   --gpu 0",
    "GPU 1  Two: not usable   --gpu 1",
    "       without CUDA: the driver is too old",
  ]);
  assert.match(describeDevices({ cpu, gpus: [], note: "There is none." }), /\nThere is none\.$/);
});

test("the list of devices to choose from gives the reasons why a GPU cannot train, or not by each route", () => {
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
  const [automatic] = deviceItems({ cpu, gpus: [], note: "There is no GPU." }, "");
  assert.equal(automatic.detail, "There is no GPU.");
});
