/** Training from the editor: run, watch, browse, stop, reload, compare. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tinyModel } from "./configurations.ts";
import { sampleWindow } from "./sample-window.ts";
import { TRAINED } from "./workbench.ts";

const scenario = sampleWindow({ "cells.biapy.yaml": tinyModel(5), "long.biapy.yaml": tinyModel(2000) });

scenario("a training runs from the palette to its end", async ({ workbench, folder }) => {
  await workbench.openFile("cells.biapy.yaml");
  await workbench.command("BiaPy: Run Training");
  await workbench.panel();
  await workbench.screenshot("2-running");
  await workbench.runStatus(/Finished/);
  // The buttons above the configuration are those of a run that has ended.
  await workbench.editor.locator(".codelens-decoration", { hasText: "Debug" }).waitFor();
  await workbench.screenshot("3-finished");
  assert.ok(existsSync(join(folder, "results/cells/checkpoints/cells_1-checkpoint-best.pth")));
});

scenario(
  "the panel shows curves, and each image as it is, masked and reconstructed",
  async ({ workbench }) => {
    const panel = await workbench.panel();
    const curves = panel.getByRole("region", { name: "Curves" });
    for (const title of ["Loss", "PSNR (dB)", "SSIM"])
      await curves.getByText(title, { exact: true }).first().waitFor();
    await curves.getByText("More curves").click();
    await curves.getByText("Learning rate", { exact: true }).first().waitFor();
    const images = panel.getByRole("region", { name: "Images" });
    await images.getByRole("tab", { name: "Reconstructions" }).click();
    for (const role of ["Original", "Masked", "Reconstruction", "With visible"])
      await images.getByRole("img", { name: `${role},` }).waitFor();
    await images.getByRole("img", { name: "Original," }).scrollIntoViewIfNeeded();
    await workbench.screenshot("4-mae-checks");
  },
);

scenario("the results browser shows the run and opens what it wrote", async ({ workbench }) => {
  await workbench.command("BiaPy: Show Results");
  await workbench.expand(".sidebar", "cells, run 1");
  await workbench.expand(".sidebar", "MAE_checks");
  for (const group of ["Configuration", "Checkpoints", "Charts", "Logs"])
    await workbench.result(group).waitFor();
  await workbench.result("_masked.tif").click();
  const viewer = await workbench.viewer();
  await viewer.getByRole("img", { name: "_masked.tif" }).waitFor();
  await workbench.screenshot("5-results");
});

scenario("a training goes on over a reload, and stops when it is told to", async ({ workbench, folder }) => {
  await workbench.command("View: Close All Editors");
  await workbench.openFile("long.biapy.yaml");
  await workbench.train();
  await workbench.runEpoch(1);
  await workbench.reload();
  await workbench.runEpoch((await workbench.runEpoch(1)) + 2);
  await workbench.runStatus(/Running/);
  await workbench.screenshot("6-attached-again");
  await workbench.command("BiaPy: Stop Training");
  const panel = await workbench.runStatus(/Stopped/);
  await panel.getByRole("button", { name: "Resume this run" }).waitFor();
  await workbench.screenshot("7-stopped");
  assert.ok(existsSync(join(folder, "results/long/checkpoints/long_1-checkpoint-last.pth")));
});

scenario("runs are laid over each other", async ({ workbench }) => {
  await workbench.command("BiaPy: Compare Runs");
  await workbench.entries.filter({ hasText: "long, run 1" }).waitFor();
  await workbench.page.getByRole("checkbox", { name: "Toggle all checkboxes" }).click();
  await workbench.page.keyboard.press("Enter");
  const curves = (await workbench.panel()).getByRole("region", { name: "Curves" });
  for (const run of ["cells, run 1", "long, run 1"])
    await curves.locator(".shared-legend .legend-entry", { hasText: run }).waitFor();
  await workbench.screenshot("8-compared");
});

scenario("engines are listed, the missing ones with what they need", async ({ workbench }) => {
  await workbench.command("BiaPy: Select Engine");
  await workbench.entries.filter({ hasText: "Embedded engine" }).waitFor();
  await workbench.entries.filter({ hasText: "Looking for it" }).first().waitFor({ state: "detached" });
  await workbench.screenshot("9-engines");
  await workbench.cancel();
});

scenario("a debugged training stops at a breakpoint in the trainer", async ({ vscode, workbench }) => {
  const { page } = workbench;
  await workbench.command("View: Close All Editors");
  const source = readFileSync(vscode.extensionFile("src/training/trainer.ts"), "utf8").split("\n");
  await workbench.command("BiaPy: Open Trainer Source");
  await workbench.choose("training/trainer.ts");
  await page.locator('.editor-group-container.active .tab.active[data-resource-name="trainer.ts"]').waitFor();
  await workbench.setBreakpoint(source.findIndex((line) => line.includes("const stepSeconds =")) + 1);
  await workbench.openFile("cells.biapy.yaml");
  await workbench.command("BiaPy: Debug Training");
  await page.locator(".codicon-debug-stackframe").first().waitFor({ timeout: TRAINED });
  await page.locator(".debug-call-stack .monaco-list-row", { hasText: "Trainer.trainStep" }).waitFor();
  await workbench.screenshot("10-breakpoint");
  // Source maps that are named are there.
  await workbench.command("Debug Console: Focus on Debug Console View");
  const said = page.locator(".repl .monaco-list");
  await said.waitFor();
  assert.doesNotMatch((await said.textContent()) ?? "", /source map/i);
  await workbench.command("Debug: Disconnect");
  await workbench.runStatus(/Stopped|Interrupted|Failed/);
  await workbench.screenshot("11-debugging-ended");
});
