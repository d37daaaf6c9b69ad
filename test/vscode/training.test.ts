/** Training from the editor: run, watch, browse, stop, reload, compare, debug beside others. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tinyModel } from "./configurations.ts";
import { sampleWindow } from "./sample-window.ts";
import { TRAINED, until, type Workbench } from "./workbench.ts";

const scenario = sampleWindow({
  "cells.biapy.yaml": tinyModel(5),
  "long.biapy.yaml": tinyModel(2000),
  "debugged.biapy.yaml": tinyModel(2000),
  "brief.biapy.yaml": tinyModel(3),
});

scenario("a training runs from the palette to its end", async ({ workbench, folder }) => {
  await workbench.openFile("cells.biapy.yaml");
  await workbench.command("BiaPy: Run Training");
  await workbench.panel();
  await workbench.screenshot("2-running");
  await workbench.runStatus(/Finished/);
  const notice = await workbench.notice("cells, run 1, has finished. Best loss: ");
  await notice.getByRole("button", { name: "Show Results" }).click();
  await workbench.result("cells, run 1").waitFor();
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
  const viewer = await workbench.viewer("_masked.tif,");
  await viewer.getByRole("img", { name: "_masked.tif" }).waitFor();
  await workbench.screenshot("5-results");
});

scenario(
  "a training continues over a reload of the window, and is stopped",
  async ({ workbench, folder }) => {
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
  },
);

scenario("curves of two runs are compared", async ({ workbench }) => {
  await workbench.command("BiaPy: Compare Runs…");
  await workbench.entries.filter({ hasText: "long, run 1" }).waitFor();
  await workbench.page.getByRole("checkbox", { name: "Toggle all checkboxes" }).click();
  await workbench.page.keyboard.press("Enter");
  const curves = (await workbench.panel()).getByRole("region", { name: "Curves" });
  for (const run of ["cells, run 1", "long, run 1"])
    await curves.locator(".shared-legend .legend-entry", { hasText: run }).waitFor();
  await workbench.screenshot("8-compared");
});

/** Starts a long training, debugs another, and answers the question about the first. */
async function debugBesideLong(
  workbench: Workbench,
  run: number,
  answer: string,
  debugged = "debugged.biapy.yaml",
): Promise<void> {
  await workbench.openFile("long.biapy.yaml");
  await workbench.train();
  await workbench.runEpoch(1);
  await workbench.openFile(debugged);
  await workbench.command("BiaPy: Debug Training");
  const dialog = workbench.page.getByRole("dialog", { name: `long, run ${run}, is training on this device` });
  await dialog.waitFor();
  await workbench.screenshot(`${answer}-1-asked`);
  await dialog.getByRole("button", { name: answer }).click();
}

async function stopped({ page }: Workbench): Promise<void> {
  await page.locator(".codicon-debug-stackframe").first().waitFor({ timeout: TRAINED });
}

const endOf = (folder: string, run: number, name = "long") =>
  JSON.parse(readFileSync(join(folder, `results/${name}/.biapy-studio/${name}_${run}/run.json`), "utf8"))
    .ended;

scenario(
  "a debugged training takes the place of one that is stopped, and stops at a breakpoint",
  async (window) => {
    const { vscode, workbench, folder } = window;
    const { page } = workbench;
    await workbench.command("View: Close All Editors");
    const source = readFileSync(vscode.extensionFile("src/training/trainer.ts"), "utf8").split("\n");
    await workbench.command("BiaPy: Open Trainer Source…");
    await workbench.choose("training/trainer.ts");
    await page.locator('.tab.active[data-resource-name="trainer.ts"]').waitFor();
    await workbench.setBreakpoint(source.findIndex((line) => line.includes("const stepSeconds =")) + 1);
    await debugBesideLong(workbench, 2, "Stop It and Debug");
    await stopped(workbench);
    assert.equal(endOf(folder, 2).status, "stopped");
    await page.locator(".debug-call-stack .monaco-list-row", { hasText: "Trainer.trainStep" }).waitFor();
    await workbench.screenshot("9-breakpoint");
    // The source maps that files name are there.
    await workbench.command("Debug Console: Focus on Debug Console View");
    const output = page.locator(".repl .monaco-list");
    await output.waitFor();
    assert.doesNotMatch((await output.textContent()) ?? "", /source map/i);
    await workbench.command("Debug: Disconnect");
    await workbench.runStatus(/Stopped/);
  },
);

scenario("a debugged training waits for its turn", async ({ workbench, folder }) => {
  await debugBesideLong(workbench, 3, "Wait");
  await workbench.notice("when its turn comes");
  assert.equal(endOf(folder, 3), undefined);
  await workbench.screenshot("Wait-2-waits");
  await workbench.command("BiaPy: Stop Training");
  await workbench.choose("long, run 3");
  await stopped(workbench);
  assert.equal(endOf(folder, 3).status, "stopped");
  await workbench.screenshot("Wait-3-debugged");
  await workbench.command("Debug: Disconnect");
  await until(
    async () => endOf(folder, 2, "debugged")?.status === "stopped" || undefined,
    "the debugged run's end",
  );
});

scenario("a debugged training runs beside another, to its end", async ({ workbench, folder }) => {
  const { page } = workbench;
  await workbench.command("Remove All Breakpoints");
  await debugBesideLong(workbench, 4, "Debug Now Anyway", "brief.biapy.yaml");
  await page.locator(".debug-toolbar").waitFor({ timeout: TRAINED });
  await workbench.screenshot("Debug Now Anyway-2-debugged");
  await page.locator(".debug-toolbar").waitFor({ state: "hidden", timeout: TRAINED });
  await workbench.runStatus(/Finished/);
  await workbench.screenshot("Debug Now Anyway-3-finished");
  assert.ok(existsSync(join(folder, "results/brief/checkpoints/brief_1-checkpoint-best.pth")));
  assert.equal(endOf(folder, 4), undefined);
  await workbench.command("BiaPy: Stop Training");
  await until(async () => endOf(folder, 4)?.status === "stopped" || undefined, "the other run's end");
});
