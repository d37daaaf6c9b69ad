/** The list of devices to choose from. */

import type { QuickPickItem } from "vscode";
import { deviceMemory } from "../../facts/format.ts";
import type { DeviceList } from "./device-tools.ts";

/** A device, or an explanation, in the list. */
export interface DeviceItem extends QuickPickItem {
  /** The setting `biapy.run.gpu`; undefined for what cannot be chosen. */
  readonly gpu?: string;
  /** Text that is too long for a list; shown when the item is chosen. */
  readonly reasons?: string;
}

/** @param chosen the current value of the setting `biapy.run.gpu` */
export function deviceItems({ cpu, gpus, note }: DeviceList, chosen: string): DeviceItem[] {
  const icon = (gpu: string, name: string) => (gpu === chosen ? "$(check)" : `$(${name})`);
  const partly = gpus
    .filter(({ routes, refused }) => routes.length > 0 && refused.length > 0)
    .map(({ name, refused }) => refusals(name, refused));
  return [
    {
      label: `${icon("", "dashboard")} Fastest`,
      description: "found by a short trial of each device",
      detail: gpus.length === 0 ? note : undefined,
      gpu: "",
    },
    {
      label: `${icon("cpu", "chip")} CPU`,
      description: `${cpu.name}, ${cpu.cores} cores, ${deviceMemory(cpu.memoryBytes)}`,
      gpu: "cpu",
    },
    ...gpus.map(({ index, name, memoryBytes, routes, refused }) => ({
      label: `${icon(String(index), routes.length > 0 ? "circuit-board" : "circle-slash")} ${name}`,
      description: [...(memoryBytes === undefined ? [] : [deviceMemory(memoryBytes)]), ...routes].join(", "),
      detail: routes.length > 0 ? undefined : "$(warning) Cannot train. $(info) Choose it to read why.",
      gpu: routes.length > 0 ? String(index) : undefined,
      reasons: routes.length > 0 ? undefined : refusals(name, refused),
    })),
    ...(partly.length === 0
      ? []
      : [{ label: "$(info) Why some ways to compute are not used…", reasons: partly.join("\n\n") }]),
  ];
}

const refusals = (name: string, refused: DeviceList["gpus"][number]["refused"]) =>
  [`${name}:`, ...refused.map(({ route, reason }) => `Without ${route}: ${reason}.`)].join("\n");
