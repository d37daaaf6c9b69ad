/** A small masked autoencoder that trains in mixed precision on the CPU, by the graph that GPUs get. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeviceRuntime } from "../../src/runtime/onnx/device-runtime.ts";
import type { Precision } from "../../src/runtime/precision.ts";
import { samples } from "./command.ts";
import { epochsOf, run, stopAtStep } from "./in-process.ts";
import { tinyConfig } from "./tiny-configuration.ts";

const CONFIG = tinyConfig(samples("2d/train"), { patch: 64, batch: 16, epochs: 3 });

const folder = await mkdtemp(join(tmpdir(), "mixed-"));

interface Options {
  readonly precision?: Precision;
  readonly resume?: boolean;
  /** Training step at which to request a stop. */
  readonly stopAt?: number;
}

export async function smallRun(name: string, { precision, resume = false, stopAt = Infinity }: Options) {
  const finished = await run(join(folder, name), 1, CONFIG, {
    precision,
    resume,
    watch: stopAtStep(stopAt),
    openRuntime: () => new DeviceRuntime({ provider: { kind: "cpu" } }, "CPU", 1),
  });
  const start = finished.events.find((event) => event.event === "start");
  return { ...finished, epochs: epochsOf(finished), device: start?.device };
}
