/** Chooses a run's device: the requested one, or the fastest in a short trial. */

import { errorMessage } from "../facts/errors.ts";
import { requestedGpu } from "../facts/requested-gpu.ts";
import { type Devices, type Gpu, listDevices } from "../runtime/devices.ts";
import type { Runtime } from "../runtime/executable.ts";
import { ROUTE_NAMES } from "../runtime/gpu-routes.ts";
import { openGpu, openRuntime } from "../runtime/open-runtime.ts";
import { type ChoiceReport, type CpuWish, fastest, type Work } from "./device-trial.ts";

/** The device that the command line and the configuration request. */
export interface DeviceWish extends CpuWish {
  /** `--gpu`: one or several indices, empty for none; undefined if not given. */
  readonly gpu: string | undefined;
  /** SYSTEM.DEVICE, if the configuration sets it. */
  readonly device: string | undefined;
}

/** Opens the runtime for a run. If the requested device cannot be used, warns and uses the CPU. */
export async function chooseRuntime(wish: DeviceWish, work: Work, report: ChoiceReport): Promise<Runtime> {
  const onCpu = () => openRuntime(wish.runtime, wish.threads, report.warn);
  const wanted = wantedGpu(wish);
  if (wish.runtime === "wasm" || wish.runtime === "tensorflow" || wanted === "none") return onCpu();
  const devices = await listDevices();
  if (wanted !== "automatic") return (await namedGpu(wanted, devices, wish, report)) ?? onCpu();
  const gpus = devices.gpus.filter(({ software }) => !software);
  for (const { name, refused } of gpus.filter(({ routes }) => routes.length === 0))
    report.info(`${name} is not used: ${inWords(refused)}.`);
  const candidates = gpus.filter(({ routes }) => routes.length > 0);
  if (candidates.length === 0) return onCpu();
  return fastest(candidates, devices, wish, work, report);
}

/** Returns the index of the requested GPU; `none` for the CPU, `automatic` if nothing is requested. */
export function wantedGpu({ gpu, device }: DeviceWish): number | "none" | "automatic" {
  const asked = gpu ?? deviceAsGpu(device);
  return asked === undefined ? "automatic" : requestedGpu(asked);
}

/** Converts SYSTEM.DEVICE to a value of `--gpu`: `cuda:1` is 1, `cpu` none. */
function deviceAsGpu(device: string | undefined): string | undefined {
  if (device === undefined || device === "") return undefined;
  return /^(cpu|auto.*)$/i.test(device) ? device : (/\d+/.exec(device)?.[0] ?? "0");
}

const inWords = (refused: Gpu["refused"]) =>
  refused.map(({ route, reason }) => `${route}: ${reason}`).join("; ");

async function namedGpu(
  index: number,
  { gpus, note }: Devices,
  { threads, gpu: asked }: DeviceWish,
  { warn }: ChoiceReport,
): Promise<Runtime | undefined> {
  const gpu = gpus[index];
  const name = asked === undefined ? "SYSTEM.DEVICE" : `--gpu ${asked}`;
  if (gpu === undefined) {
    const there = note ?? `There are: ${gpus.map((each) => `${each.index} ${each.name}`).join(", ")}.`;
    warn(`${name}: there is no GPU ${index}; the CPU is used. ${there}`);
    return undefined;
  }
  if (asked !== undefined && (asked.match(/\d+/g) ?? []).length > 1)
    warn(`${name}: the embedded engine trains on one GPU only; GPU ${index} is used.`);
  const failures = [...gpu.refused];
  for (const route of gpu.routes) {
    try {
      return await openGpu(gpu, route, threads);
    } catch (error) {
      failures.push({ route: ROUTE_NAMES[route], reason: errorMessage(error) });
    }
  }
  warn(`${name}: ${gpu.name} cannot be used; the CPU is used instead. ${inWords(failures)}.`);
  return undefined;
}
