/** BiaPy: Select Device. */
import * as vscode from "vscode";
import { type DeviceList, listDevices } from "../device-tools.ts";
import type { Services } from "../services.ts";
import { mayRun } from "./trust.ts";

interface DeviceItem extends vscode.QuickPickItem {
  /** The setting `biapy.run.gpu`; undefined for what cannot be chosen. */
  readonly gpu?: string;
}

/** Shows the devices that there are, with why some are not used, and sets the one that trains. */
export async function selectDevice({ context }: Services): Promise<void> {
  if (!(await mayRun())) return;
  const settings = vscode.workspace.getConfiguration("biapy.run");
  const chosen = settings.get("gpu", "").trim();
  const items = listDevices(context).then((devices) => itemsOf(devices, chosen));
  const answer = await vscode.window.showQuickPick(items, {
    title: "Device that trains",
    placeHolder: "Looked for on this machine now",
  });
  if (answer?.gpu === undefined) return;
  const open = vscode.workspace.workspaceFolders !== undefined;
  const target = open ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  await settings.update("gpu", answer.gpu, target);
}

const gigabytes = (bytes: number | undefined) =>
  bytes === undefined ? "" : `${(bytes / 2 ** 30).toFixed(1)} GB`;

function itemsOf({ cpu, gpus, note }: DeviceList, chosen: string): DeviceItem[] {
  const icon = (gpu: string, name: string) => (gpu === chosen ? "$(check)" : `$(${name})`);
  return [
    {
      label: `${icon("", "dashboard")} Fastest`,
      description: "found by a short trial of each device",
      detail: gpus.length === 0 ? note : undefined,
      gpu: "",
    },
    {
      label: `${icon("cpu", "chip")} CPU`,
      description: `${cpu.name}, ${cpu.cores} cores, ${gigabytes(cpu.memoryBytes)}`,
      gpu: "cpu",
    },
    ...gpus.map(({ index, name, memoryBytes, routes, refused }) => ({
      label: `${icon(String(index), routes.length > 0 ? "circuit-board" : "circle-slash")} ${name}`,
      description: [gigabytes(memoryBytes), ...routes].filter((part) => part !== "").join(", "),
      detail: refused.map(({ route, reason }) => `Without ${route}: ${reason}.`).join(" ") || undefined,
      gpu: routes.length > 0 ? String(index) : undefined,
    })),
  ];
}
