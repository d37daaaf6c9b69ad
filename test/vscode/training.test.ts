/** Training from the editor: run, watch, browse, stop, reload, compare. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before } from "node:test";
import type { Frame } from "playwright-core";
import { ServedVsCode } from "./served-vscode.ts";
import { until, type Workbench } from "./workbench.ts";

/** A model that two cores train in seconds. */
function configuration(epochs: number): string {
  return `PROBLEM:
    TYPE: SELF_SUPERVISED
    NDIM: 2D
    SELF_SUPERVISED:
        PRETEXT_TASK: masking
DATA:
    PATCH_SIZE: (64,64,1)
    TRAIN:
        PATH: 2d/train
    VAL:
        SPLIT_TRAIN: 0.2
    TEST:
        PATH: 2d/test
MODEL:
    ARCHITECTURE: mae
    VIT_TOKEN_SIZE: 16
    VIT_EMBED_DIM: 48
    VIT_NUM_LAYERS: 1
    VIT_NUM_HEADS: 2
    MAE_DEC_HIDDEN_SIZE: 48
    MAE_DEC_NUM_LAYERS: 1
    MAE_DEC_NUM_HEADS: 2
TRAIN:
    ENABLE: True
    OPTIMIZER: ADAMW
    LR: 1.E-3
    BATCH_SIZE: 4
    EPOCHS: ${epochs}
    PATIENCE: ${epochs}
TEST:
    ENABLE: True
`;
}

/** On a slow machine that is shared. */
const TRAINED = 120_000;

let vscode: ServedVsCode;
let workbench: Workbench;
let folder: string;

const scenario = (name: string, body: () => Promise<void>) => ServedVsCode.scenario(name, () => vscode, body);

before(
  async () => {
    vscode = await ServedVsCode.start({ "security.workspace.trust.enabled": false });
    folder = vscode.workspace("cells", "media/samples");
    writeFileSync(join(folder, "cells.biapy.yaml"), configuration(5));
    writeFileSync(join(folder, "long.biapy.yaml"), configuration(2000));
    workbench = await vscode.open(folder);
    await workbench.openFile("cells.biapy.yaml");
    await workbench.languageReady();
  },
  { timeout: 300_000 },
);

after(async () => {
  endRuns();
  await vscode?.close();
});

function runRecords(): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => basename(path) === "run.json")
    .map((path) => join(folder, path));
}

/** A training outlives the window; one whose test failed is not to outlive the test. */
function endRuns(): void {
  for (const file of runRecords()) {
    const { supervisor, pid, ended } = JSON.parse(readFileSync(file, "utf8"));
    if (ended !== undefined) continue;
    for (const each of [pid, supervisor]) if (each !== undefined) process.kill(each, "SIGKILL");
  }
}

/** Waits until the panel's run has a status. */
async function status(panel: Frame, text: RegExp): Promise<void> {
  await panel.locator(".status", { hasText: text }).waitFor({ timeout: TRAINED });
}

scenario("a training runs from the palette to its end", async () => {
  await workbench.openFile("cells.biapy.yaml");
  await workbench.command("BiaPy: Run Training");
  await workbench.entries.first().waitFor();
  await workbench.screenshot("1-command");
  await workbench.choose("Train");
  const panel = await workbench.panel();
  await workbench.screenshot("2-running");
  await status(panel, /Finished/);
  await workbench.screenshot("3-finished");
  assert.ok(existsSync(join(folder, "results/cells/checkpoints/cells_1-checkpoint-best.pth")));
});

scenario("the panel shows curves, and each image as it is, masked and reconstructed", async () => {
  const panel = await workbench.panel();
  const curves = panel.getByRole("region", { name: "Curves" });
  for (const title of ["Loss", "PSNR (dB)", "SSIM", "Learning rate"])
    await curves.getByText(title, { exact: true }).first().waitFor();
  const images = panel.getByRole("region", { name: "Images" });
  await images.getByRole("tab", { name: "Reconstructions" }).click();
  for (const role of ["Original", "Masked", "Reconstruction", "Reconstruction + visible"])
    await images.getByRole("img", { name: `${role},` }).waitFor();
  await images.getByRole("img", { name: "Original," }).scrollIntoViewIfNeeded();
  await workbench.screenshot("4-mae-checks");
});

scenario("the results browser shows the run and opens what it wrote", async () => {
  const { page } = workbench;
  await workbench.command("BiaPy: Show Results");
  const row = (label: string) => page.locator(".sidebar .monaco-list-row", { hasText: label }).first();
  await row("cells, run 1").locator(".monaco-tl-twistie").click();
  await row("MAE_checks").locator(".monaco-tl-twistie").click();
  for (const group of ["Configuration", "Checkpoints", "Charts", "Logs"]) await row(group).waitFor();
  await row("_masked.tif").click();
  const viewer = await workbench.viewer();
  await viewer.getByRole("img", { name: "_masked.tif" }).waitFor();
  await workbench.screenshot("5-results");
});

scenario("a training goes on over a reload, and stops when it is told to", async () => {
  await workbench.command("View: Close All Editors");
  await workbench.openFile("long.biapy.yaml");
  await workbench.command("BiaPy: Run Training");
  await workbench.choose("Train");
  await (await workbench.panel())
    .locator(".doing", { hasText: /Epoch [1-9]\d* of/ })
    .waitFor({ timeout: TRAINED });
  await workbench.reload();
  const epoch = async () => {
    const doing = await (await workbench.panel()).locator(".doing").textContent();
    return Number(/Epoch (\d+)/.exec(doing ?? "")?.[1]);
  };
  const attached = await until(async () => (await epoch()) || undefined, "the run's epoch");
  await until(async () => ((await epoch()) > attached + 1 ? true : undefined), "another epoch");
  const panel = await workbench.panel();
  await status(panel, /Running/);
  await workbench.screenshot("6-attached-again");
  await workbench.command("BiaPy: Stop Training");
  await status(panel, /Stopped/);
  await panel.getByRole("button", { name: "Go on with this run" }).waitFor();
  await workbench.screenshot("7-stopped");
  assert.ok(existsSync(join(folder, "results/long/checkpoints/long_1-checkpoint-last.pth")));
});

scenario("runs are laid over each other", async () => {
  await workbench.command("BiaPy: Compare Runs");
  await workbench.entries.filter({ hasText: "long, run 1" }).waitFor();
  await workbench.page.getByRole("checkbox", { name: "Toggle all checkboxes" }).click();
  await workbench.page.keyboard.press("Enter");
  const curves = (await workbench.panel()).getByRole("region", { name: "Curves" });
  await curves.getByText("cells, run 1 train").first().waitFor();
  await curves.getByText("long, run 1 train").first().waitFor();
  await workbench.screenshot("8-compared");
});

scenario("engines are listed, the missing ones with what they need", async () => {
  await workbench.command("BiaPy: Select Engine");
  await workbench.entries.filter({ hasText: "Embedded engine" }).waitFor();
  await workbench.entries.filter({ hasText: "Looking for it" }).first().waitFor({ state: "detached" });
  await workbench.screenshot("9-engines");
  await workbench.cancel();
});

scenario("a debugged training stops at a breakpoint in the trainer", async () => {
  const { page } = workbench;
  await workbench.command("View: Close All Editors");
  const source = readFileSync(vscode.extensionFile("src/training/trainer.ts"), "utf8").split("\n");
  await workbench.command("BiaPy: Open Trainer Source");
  await workbench.choose("training/trainer.ts");
  await page.locator('.editor-group-container.active .tab.active[data-resource-name="trainer.ts"]').waitFor();
  await workbench.goToLine(source.findIndex((line) => line.includes("const stepSeconds =")) + 1);
  await page.keyboard.press("F9");
  await page.locator(".codicon-debug-breakpoint, .codicon-debug-breakpoint-unverified").first().waitFor();
  await workbench.openFile("cells.biapy.yaml");
  await workbench.command("BiaPy: Debug Training");
  await page.locator(".codicon-debug-stackframe").first().waitFor({ timeout: TRAINED });
  await page.locator(".debug-call-stack .monaco-list-row", { hasText: "Trainer.trainEpoch" }).waitFor();
  await workbench.screenshot("10-breakpoint");
  await workbench.command("Debug: Disconnect");
  await status(await workbench.panel(), /Stopped|Interrupted|Failed/);
  await workbench.screenshot("11-debugging-ended");
});
