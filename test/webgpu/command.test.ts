/** Runs of the command on a GPU, and the choice of devices. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { RunEvent } from "../../src/facts/run-events.ts";
import { listDevices } from "../../src/runtime/devices.ts";
import { fastest } from "../../src/workflow/device-trial.ts";
import { biapy, logRows, problemsOf, samples, stop, workspace } from "../support/command.ts";
import { maeProgram } from "../support/programs.ts";
import { tinyConfig } from "../support/tiny-configuration.ts";

const cache = mkdtempSync(join(tmpdir(), "cache-"));
after(() => rmSync(cache, { recursive: true, force: true }));
process.env.XDG_CACHE_HOME = cache;

const CONFIG = tinyConfig(samples("2d/train"), { patch: 32, batch: 64, epochs: 2 });

interface Row {
  readonly train_loss: number;
  readonly val_loss: number;
}

const deviceOf = (events: readonly RunEvent[]) => events.find((event) => event.event === "start")?.device;

test("a run on the GPU has the losses of the run on the CPU, also when it is stopped and resumed", async () => {
  const { results, arguments: args } = await workspace(CONFIG);
  const cpu = await biapy([...args(1), "--gpu", ""]);
  assert.match(String(deviceOf(cpu.events)), /^CPU/);
  const stopped = await biapy([...args(2), "--gpu", "0"], (event, child) => {
    if (event.event === "step" && event.step === 2 && event.epoch === 1) stop(child);
  });
  assert.equal(stopped.code, 130);
  assert.match(String(deviceOf(stopped.events)), /WebGPU/);
  const end = stopped.events.at(-1);
  assert.ok(end?.event === "end" && end.resume !== undefined);
  assert.deepEqual(end.resume.slice(-2), ["--gpu", "0"]);
  const resumed = await biapy(end.resume);
  assert.equal(resumed.code, 0);
  const [expected, found] = [await logRows(results, 1), await logRows(results, 2)] as Row[][];
  assert.equal(found.length, 2);
  for (const [epoch, row] of expected.entries())
    for (const name of ["train_loss", "val_loss"] as const) {
      const [is, should] = [found[epoch][name], row[name]];
      assert.ok(Math.abs(is - should) < 1e-3, `${name} of epoch ${epoch}: ${is}, not ${should}`);
    }
});

test("a missing GPU is a warning that names the present ones, and the CPU computes", async () => {
  const { arguments: args } = await workspace(CONFIG);
  const { code, events } = await biapy([...args(), "--gpu", "7", "--try_batch", "4"]);
  assert.equal(code, 0);
  assert.deepEqual(events, []);
  const run = await biapy([...args(), "--gpu", "7"], (event, child) => {
    if (event.event === "start") stop(child);
  });
  const warning = run.events.find((event) => event.event === "log" && event.level === "warning");
  assert.match(String(warning?.event === "log" && warning.message), /no GPU 7.*the CPU is used.*0 /);
});

/** Of a patch of 32 x 32 float32 pixels. */
const PATCH_BYTES = 4096;

test("when the GPU's memory runs out, the largest batch that fits is named, and that batch runs", async () => {
  process.env.BIAPY_LARGEST_DEVICE_BUFFER = String(20 * PATCH_BYTES);
  try {
    const large = await workspace(CONFIG);
    const failed = await biapy([...large.arguments(), "--gpu", "0"]);
    assert.equal(failed.code, 2, JSON.stringify(failed.events.slice(-3)));
    const [problem] = problemsOf(failed);
    assert.match(problem.message, /a batch of 64 does not fit into the memory of .*WebGPU.*; 20 does/);
    assert.deepEqual([problem.key, problem.suggestion], ["TRAIN.BATCH_SIZE", "20"]);
    assert.match(CONFIG.split("\n")[(problem.line ?? 0) - 1], /BATCH_SIZE: 64/);
    const tried = failed.events.flatMap((event) => (event.event === "progress" ? [event.label] : []));
    assert.ok(
      tried.includes("Trying a batch of 32") && tried.includes("Trying a batch of 20"),
      tried.join(", "),
    );
    const next = await workspace(CONFIG.replace("BATCH_SIZE: 64", "BATCH_SIZE: 20"));
    let steps = 0;
    const ran = await biapy([...next.arguments(), "--gpu", "0"], (event, child) => {
      if (event.event === "step" && ++steps === 2) stop(child);
    });
    assert.deepEqual([ran.code, steps >= 2], [130, true], JSON.stringify(ran.events.slice(-3)));
    assert.match(String(deviceOf(ran.events)), /WebGPU/);
  } finally {
    delete process.env.BIAPY_LARGEST_DEVICE_BUFFER;
  }
});

test("the fastest device is found by a trial, which is remembered", async () => {
  const devices = await listDevices();
  assert.ok(devices.gpus.length > 0, "there is a GPU to try");
  const wish = { gpu: undefined, device: undefined, runtime: undefined, threads: 1 };
  const optimizer = { kind: "sgd", momentum: 0.9, weightDecay: 0 } as const;
  const work = { program: maeProgram([8, 8]), training: { optimizer, clipNorm: 0 } };
  const choose = async () => {
    const said: string[] = [];
    const note = (message: string) => void said.push(message);
    const runtime = await fastest(devices.gpus, devices, wish, work, {
      info: note,
      warn: note,
      progress: () => {},
    });
    return { runtime, said };
  };
  const first = await choose();
  const tried = first.said.filter((line) => /s per step\.$/.test(line));
  assert.equal(tried.length, devices.gpus.length + 1, first.said.join("\n"));
  const seconds = tried.map((line) => Number(/: ([\d.e-]+) s per step/.exec(line)?.[1]));
  const quickest = tried[seconds.indexOf(Math.min(...seconds))];
  assert.ok(quickest.startsWith(first.runtime.device), `${first.runtime.device} of ${tried.join("; ")}`);
  const second = await choose();
  assert.equal(second.runtime.device, first.runtime.device);
  assert.equal(second.said.length, 1, "no trial the second time");
});
