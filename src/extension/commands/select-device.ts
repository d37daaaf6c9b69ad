/** BiaPy: Select Device. */
import * as vscode from "vscode";
import { type DeviceList, listDevices } from "../device-tools.ts";
import type { Services } from "../services.ts";
import { changeSetting } from "./change-setting.ts";
import { mayRun } from "./trust.ts";

interface DeviceItem extends vscode.QuickPickItem {
  /** The setting `biapy.run.gpu`; undefined for what cannot be chosen. */
  readonly gpu?: string;
  /** What is too long for a list: shown when this is chosen. */
  readonly reasons?: string;
}

/** Shows the devices that there are and sets the one that trains; tells why others cannot. */
export async function selectDevice(services: Services): Promise<void> {
  if (!(await mayRun())) return;
  const chosen = vscode.workspace.getConfiguration("biapy").get("run.gpu", "").trim();
  const items = listDevices(services.context).then((devices) => itemsOf(devices, chosen));
  const answer = await vscode.window.showQuickPick(items, {
    title: "Device that trains",
    placeHolder: "Looked for on this machine now",
  });
  if (answer?.reasons !== undefined) {
    const options = { modal: true, detail: answer.reasons };
    await vscode.window.showInformationMessage("What does not train here, and why", options);
    return selectDevice(services);
  }
  if (answer?.gpu === undefined) return;
  await changeSetting("run.gpu", answer.gpu);
}

const gigabytes = (bytes: number | undefined) =>
  bytes === undefined ? "" : `${(bytes / 2 ** 30).toFixed(1)} GB`;

function itemsOf({ cpu, gpus, note }: DeviceList, chosen: string): DeviceItem[] {
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
      description: `${cpu.name}, ${cpu.cores} cores, ${gigabytes(cpu.memoryBytes)}`,
      gpu: "cpu",
    },
    ...gpus.map(({ index, name, memoryBytes, routes, refused }) => ({
      label: `${icon(String(index), routes.length > 0 ? "circuit-board" : "circle-slash")} ${name}`,
      description: [gigabytes(memoryBytes), ...routes].filter((part) => part !== "").join(", "),
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
