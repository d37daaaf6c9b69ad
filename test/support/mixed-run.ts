/** A small masked autoencoder that trains in mixed precision on the CPU, by the graph that GPUs get. */
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import type { NewRunEvent } from "../../src/facts/run-events.ts";
import { DeviceRuntime } from "../../src/runtime/onnx/device-runtime.ts";
import type { Precision } from "../../src/runtime/precision.ts";
import { runWorkflow } from "../../src/workflow/run.ts";
import { smallMae } from "./small-mae.ts";

const CONFIG = smallMae(64, 16, 3);

const folder = await mkdtemp(join(tmpdir(), "mixed-"));

interface Options {
  readonly precision?: Precision;
  readonly resume?: boolean;
  /** Asks it to stop when a training step of this number is done. */
  readonly stopAt?: number;
}

export async function smallRun(name: string, { precision, resume = false, stopAt = Infinity }: Options) {
  const { config, problems } = loadConfig(`${name}.yaml`, CONFIG);
  assert.deepEqual([...problems, ...checkConfig(config)], []);
  const events: NewRunEvent[] = [];
  const stopping = new AbortController();
  let steps = 0;
  const status = await runWorkflow({
    config,
    configText: CONFIG,
    tree: resultTree(folder, name, 1),
    resume,
    normalizePixels: false,
    precision,
    report: (event) => {
      events.push(event);
      if (event.event === "step" && ++steps === stopAt) stopping.abort();
    },
    signal: stopping.signal,
    openRuntime: async () => new DeviceRuntime({ provider: { kind: "cpu" } }, "CPU", 1),
    fits: async () => true,
  });
  const epochs = events.flatMap((event) => (event.event === "epoch" ? [event] : []));
  const start = events.find((event) => event.event === "start");
  return { status, tree: resultTree(folder, name, 1), events, epochs, device: start?.device };
}
