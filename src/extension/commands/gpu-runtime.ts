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
  detail: "onnxruntime with CUDA 13, for a driver of 580 or later. Other GPUs need none of this.",
  args: ["--install_gpu_runtime"],
  setting: "",
};
const TENSORFLOW: Runtime = {
  label: "TensorFlow for the CPU",
  description: "0.2 GB",
  detail: "A second opinion, operation by operation. Needs npm, on Linux a C++ compiler too.",
  args: ["--install_tensorflow"],
  setting: "tensorflow",
};
const TENSORFLOW_GPU: Runtime = {
  label: "TensorFlow for NVIDIA's GPUs",
  description: "2.1 GB",
  detail: "TensorFlow 2.15 with CUDA 12.2; without a C++ compiler 2.9, for a CUDA 11.2 of yours.",
  args: ["--install_tensorflow", "gpu"],
  setting: "tensorflow",
};

/** Windows and macOS include what GPUs need; only TensorFlow can be installed there. */
const offered = () =>
  process.platform === "linux" ? [CUDA, TENSORFLOW, TENSORFLOW_GPU] : [TENSORFLOW, TENSORFLOW_GPU];

const COMES_ALONG: Partial<Record<NodeJS.Platform, string>> = {
  win32: "Windows brings DirectX 12, by which GPUs train already",
  darwin: "macOS brings Metal, by which GPUs train already",
};

/** Asks what to install, and installs it with progress and cancel. */
export async function installGpuRuntime(context: vscode.ExtensionContext): Promise<void> {
  if (!(await mayRun())) return;
  const choice = await vscode.window.showQuickPick(offered(), {
    title: "What to install for training",
    placeHolder: COMES_ALONG[process.platform] ?? "Fetched into the extension's own storage",
  });
  if (choice === undefined) return;
  if (!(await install(context, `Installing ${choice.label}`, choice.args))) return;
  const use = "Train With It";
  const message = `${choice.label} is installed.`;
  if ((await vscode.window.showInformationMessage(message, use)) !== use) return;
  const settings = vscode.workspace.getConfiguration("biapy.run");
  await settings.update("runtime", choice.setting, vscode.ConfigurationTarget.Global);
}
