/** Training by WebGPU beside the CPU, watched by onnxruntime's profile. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { DeviceRuntime } from "../../src/runtime/onnx/device-runtime.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import type { TrainingSettings } from "../../src/runtime/optimizer-settings.ts";
import type { Program } from "../../src/runtime/program.ts";
import { train } from "../support/programs.ts";

const folder = mkdtempSync(join(tmpdir(), "webgpu-"));
after(() => rmSync(folder, { recursive: true, force: true }));

export function webgpu(profile?: string): DeviceRuntime {
  return new DeviceRuntime({ provider: { kind: "webgpu", power: "high-performance" }, profile }, "GPU", 1);
}

/** How often each operator ran, by `provider operator`, as onnxruntime's profile of a session has it. */
function operatorsIn(prefix: string): Map<string, number> {
  const file = readdirSync(folder).find((name) => name.startsWith(prefix));
  assert.ok(file, "a profile was written");
  const events = JSON.parse(readFileSync(join(folder, file), "utf8")) as {
    cat: string;
    args?: { provider?: string; op_name?: string };
  }[];
  const counts = new Map<string, number>();
  for (const { cat, args } of events) {
    if (cat !== "Node" || args?.provider === undefined) continue;
    const key = `${args.provider} ${args.op_name}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

let profiles = 0;

/** The same losses as on the CPU to 1e-3, the same weights, and not one operator or copy outside the device. */
export async function trainsOnTheDevice(
  program: Program,
  settings: TrainingSettings,
  course: { readonly steps: number; readonly rate: number },
): Promise<void> {
  const prefix = `profile-${profiles++}-`;
  const expected = await train(new OnnxRuntime(2), program, settings, course);
  const runtime = webgpu(join(folder, prefix));
  const found = await train(runtime, program, settings, course);
  runtime.release();
  for (const [step, outputs] of expected.steps.entries())
    for (const [output, value] of Object.entries(outputs)) {
      const [is, allowed] = [found.steps[step][output], 1e-3 * Math.max(1, Math.abs(value))];
      assert.ok(Math.abs(is - value) <= allowed, `${output} of step ${step}: ${is}, not ${value}`);
    }
  for (const [weight, values] of Object.entries(expected.weights)) {
    const off = values.reduce((sum, value, at) => sum + Math.abs(value - found.weights[weight][at]), 0);
    // Adam makes a whole step of the rounding error where a gradient is zero in truth.
    assert.ok(off / values.length < 2e-3, `${weight} is off by ${off / values.length} on average`);
  }
  const operators = [...operatorsIn(prefix)];
  const ran = operators.reduce((sum, [, count]) => sum + count, 0);
  const elsewhere = operators.filter(([key]) => !key.startsWith("WebGpu") || key.includes("Memcpy"));
  assert.ok(ran > 300, `${ran} operators ran`);
  assert.deepEqual(elsewhere, []);
}
