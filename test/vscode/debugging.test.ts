/** A debugged training and the others of its device. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tinyModel } from "./configurations.ts";
import { sampleWindow } from "./sample-window.ts";
import { TRAINED, until, type Workbench } from "./workbench.ts";

const scenario = sampleWindow({
  "debugged.biapy.yaml": tinyModel(2000),
  "long.biapy.yaml": tinyModel(2000),
  "brief.biapy.yaml": tinyModel(3),
});

/** Starts a training that takes long, then debugs another, which has to do with what is asked. */
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

scenario("a debugged training takes the place of one that is stopped", async (window) => {
  const { vscode, workbench, folder } = window;
  const source = readFileSync(vscode.extensionFile("src/training/trainer.ts"), "utf8").split("\n");
  await workbench.command("BiaPy: Open Trainer Source");
  await workbench.choose("training/trainer.ts");
  await workbench.page.locator('.tab.active[data-resource-name="trainer.ts"]').waitFor();
  await workbench.setBreakpoint(source.findIndex((line) => line.includes("const stepSeconds =")) + 1);
  await debugBesideLong(workbench, 1, "Stop It and Debug");
  await stopped(workbench);
  assert.equal(endOf(folder, 1).status, "stopped");
  await workbench.command("Debug: Disconnect");
  await workbench.runStatus(/Stopped/);
});

scenario("a debugged training waits for its turn", async ({ workbench, folder }) => {
  await debugBesideLong(workbench, 2, "Wait");
  await workbench.notice("when its turn comes");
  assert.equal(endOf(folder, 2), undefined);
  await workbench.screenshot("Wait-2-waits");
  await workbench.command("BiaPy: Stop Training");
  await workbench.choose("long, run 2");
  await stopped(workbench);
  assert.equal(endOf(folder, 2).status, "stopped");
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
  await debugBesideLong(workbench, 3, "Debug Now Anyway", "brief.biapy.yaml");
  await page.locator(".debug-toolbar").waitFor({ timeout: TRAINED });
  await workbench.screenshot("Debug Now Anyway-2-debugged");
  await page.locator(".debug-toolbar").waitFor({ state: "hidden", timeout: TRAINED });
  await workbench.runStatus(/Finished/);
  await workbench.screenshot("Debug Now Anyway-3-finished");
  assert.ok(existsSync(join(folder, "results/brief/checkpoints/brief_1-checkpoint-best.pth")));
  assert.equal(endOf(folder, 3), undefined);
  await workbench.command("BiaPy: Stop Training");
  await until(async () => endOf(folder, 3)?.status === "stopped" || undefined, "the other run's end");
});
