/** BiaPy: Select Device. */
import * as vscode from "vscode";
import { changeSetting } from "../workspace/change-setting.ts";
import { gpuSetting } from "../workspace/run-settings.ts";
import { mayRun } from "../workspace/trust.ts";
import { deviceItems } from "./device-items.ts";
import { listDevices } from "./device-tools.ts";
import type { Services } from "./services.ts";

/** Shows the devices, sets the one that trains, and says why others cannot. */
export async function selectDevice(services: Services): Promise<void> {
  if (!(await mayRun())) return;
  const chosen = gpuSetting();
  const items = listDevices(services.context).then((devices) => deviceItems(devices, chosen));
  const answer = await vscode.window.showQuickPick(items, {
    title: "Device that trains",
    placeHolder: "Devices of this machine",
    ignoreFocusOut: true,
  });
  if (answer?.reasons !== undefined) {
    const options = { modal: true, detail: answer.reasons };
    await vscode.window.showInformationMessage("What does not train here, and why", options);
    return selectDevice(services);
  }
  if (answer?.gpu === undefined) return;
  await changeSetting("run.gpu", answer.gpu);
}
