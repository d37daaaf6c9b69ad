/** BiaPy: Install GPU Runtime. */
import * as vscode from "vscode";
import { mayRun } from "../workspace/trust.ts";
import { install } from "./device-tools.ts";

interface Runtime extends vscode.QuickPickItem {
  readonly args: readonly string[];
  /** The setting `biapy.run.runtime` that uses it. */
  readonly setting: string;
}

const CUDA: Runtime = {
  label: "CUDA for NVIDIA's GPUs",
  description: "1.2 GB",
  detail: "onnxruntime with CUDA 13, for a driver of 580 or later. Other GPUs do not need it.",
  args: ["--install_gpu_runtime"],
  setting: "",
};
const TENSORFLOW: Runtime = {
  label: "TensorFlow for the CPU",
  description: "0.2 GB",
  detail:
    "An independent runtime that computes operation by operation. Requires npm, and on Linux a C++ compiler.",
  args: ["--install_tensorflow"],
  setting: "tensorflow",
};
const TENSORFLOW_GPU: Runtime = {
  label: "TensorFlow for NVIDIA's GPUs",
  description: "2.1 GB",
  detail: "TensorFlow 2.15 with CUDA 12.2; without a C++ compiler 2.9, for an installed CUDA 11.2.",
  args: ["--install_tensorflow", "gpu"],
  setting: "tensorflow",
};

/** Returns the runtimes to offer. Windows and macOS include what GPUs need. */
const offered = () =>
  process.platform === "linux" ? [CUDA, TENSORFLOW, TENSORFLOW_GPU] : [TENSORFLOW, TENSORFLOW_GPU];

/** What systems include for GPUs. */
const INCLUDED: Partial<Record<NodeJS.Platform, string>> = {
  win32: "GPUs already train through DirectX 12, which is part of Windows",
  darwin: "GPUs already train through Metal, which is part of macOS",
};

/** Asks what to install, and installs it with progress and cancel. */
export async function installGpuRuntime(context: vscode.ExtensionContext): Promise<void> {
  if (!(await mayRun())) return;
  const choice = await vscode.window.showQuickPick(offered(), {
    title: "What to install for training",
    placeHolder: INCLUDED[process.platform] ?? "Installed in the extension's storage",
    ignoreFocusOut: true,
  });
  if (choice === undefined) return;
  if (!(await install(context, `Installing ${choice.label}`, choice.args))) return;
  const use = "Train With It";
  const message = `${choice.label} is installed.`;
  if ((await vscode.window.showInformationMessage(message, use)) !== use) return;
  const settings = vscode.workspace.getConfiguration("biapy.run");
  await settings.update("runtime", choice.setting, vscode.ConfigurationTarget.Global);
}
