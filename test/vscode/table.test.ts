/** The runs table: runs are found, marked, compared, exported and deleted; a model is applied to other images. */
import assert from "node:assert/strict";
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "playwright-core";
import { tinyModel } from "./configurations.ts";
import { sampleWindow } from "./sample-window.ts";
import { TRAINED, until, type Workbench } from "./workbench.ts";

const scenario = sampleWindow({ "cells.biapy.yaml": tinyModel(2) });

/** Shows the table and waits for its rows. */
async function runsTable(workbench: Workbench): Promise<Frame> {
  await workbench.command("BiaPy: Show Runs Table");
  const table = await workbench.table();
  await table.locator("tr[data-run]").first().waitFor();
  return table;
}

const names = (table: Frame): Promise<string[]> =>
  table.locator("tr[data-run]").evaluateAll((rows) => rows.map((row) => row.children[2]?.textContent ?? ""));

async function selectBoth(table: Frame): Promise<void> {
  await table.locator("tr[data-run]").first().click();
  await table
    .locator("tr[data-run]")
    .last()
    .click({ modifiers: ["Control"] });
}

scenario("runs are listed with the keys in which they differ", async ({ workbench, folder }) => {
  await workbench.train();
  await workbench.runStatus(/Finished/);
  // The second run of the job has another learning rate; the first one's configuration stays known.
  const file = join(folder, "cells.biapy.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replace("LR: 1.E-3", "LR: 3.E-3"));
  await workbench.openFile("cells.biapy.yaml");
  await workbench.editor.locator(".view-line", { hasText: "3.E-3" }).waitFor();
  await workbench.train();
  await workbench.runStatus(/Finished/);
  await workbench.dismissNotices();
  const table = await runsTable(workbench);
  await table.getByRole("columnheader", { name: "TRAIN.LR" }).waitFor();
  await table.getByRole("columnheader", { name: "Test PSNR (dB)" }).waitFor();
  assert.deepEqual(await names(table), ["cells, run 2", "cells, run 1"]);
  for (const rate of ["0.001", "0.003"]) await table.getByRole("cell", { name: rate, exact: true }).waitFor();
  await workbench.screenshot("1-runs");
});

scenario("runs are sorted, filtered, renamed, starred, and columns hidden", async ({ workbench }) => {
  const table = await runsTable(workbench);
  await table.getByRole("button", { name: /^Run/ }).click();
  await until(async () => (await names(table))[0] === "cells, run 1" || undefined, "the other order");
  await table.locator("tr[data-run]").first().click({ button: "right" });
  await table.getByRole("menuitem", { name: "Rename…" }).click();
  // The question stays open when the table takes the focus back.
  await workbench.question("Name of cells, run 1").waitFor();
  await table.getByRole("searchbox", { name: "Filter runs" }).focus();
  await workbench.answer("Name of cells, run 1", "Baseline");
  await table.locator("td", { hasText: "Baseline" }).waitFor();
  const baseline = table.locator("tr[data-run]", { hasText: "Baseline" });
  await baseline.getByRole("button", { name: "Star" }).click();
  await baseline.locator('.star[aria-pressed="true"]').waitFor();
  await table.getByRole("searchbox", { name: "Filter runs" }).fill("baseline");
  await until(async () => (await names(table)).length === 1 || undefined, "one run");
  await table.getByRole("searchbox", { name: "Filter runs" }).fill("");
  await table.getByRole("button", { name: "Columns…" }).click();
  const columns = table.getByRole("dialog", { name: "Columns" });
  await columns.getByText("Engine", { exact: true }).click();
  await workbench.screenshot("2-columns");
  await columns.getByRole("button", { name: "Close" }).click();
  await table.getByRole("columnheader", { name: "Engine" }).waitFor({ state: "detached" });
});

scenario("the table is saved as CSV, with what is visible", async ({ workbench, folder }) => {
  const table = await runsTable(workbench);
  await table.getByRole("button", { name: "Save CSV…" }).click();
  await workbench.acceptSaving("runs.csv");
  const file = join(folder, "runs.csv");
  await until(async () => existsSync(file) || undefined, "the CSV");
  const [header, ...rows] = readFileSync(file, "utf8").trim().split("\n");
  assert.match(header, /^Run,Status,Started,Duration,Device,Best loss,Test .*,TRAIN\.LR,Notes$/);
  assert.equal(rows.length, 2);
  assert.ok(rows.some((row) => row.startsWith("Baseline,Finished,")));
});

scenario("a metric is drawn against a key", async ({ workbench }) => {
  const table = await runsTable(workbench);
  await table.getByRole("button", { name: "Scatter Plot" }).click();
  const scatter = table.getByRole("region", { name: "Scatter plot" });
  await scatter.getByText("2 runs").waitFor();
  const horizontal = scatter.getByRole("combobox", { name: "Horizontal axis" }).locator("option:checked");
  assert.equal(await horizontal.textContent(), "TRAIN.LR");
  await workbench.screenshot("3-scatter");
  await table.getByRole("button", { name: "Scatter Plot" }).click();
  await scatter.waitFor({ state: "hidden" });
});

scenario("two runs are compared: configurations, images, curves", async ({ workbench }) => {
  const { page } = workbench;
  const table = await runsTable(workbench);
  await table.getByRole("button", { name: /^Run/ }).click();
  await until(async () => (await names(table))[0] === "cells, run 2" || undefined, "the later run first");
  await selectBoth(table);
  await (await workbench.table()).getByRole("button", { name: "Compare Configurations" }).click();
  // A difference reads from the earlier run to the later one, in any order of the table.
  await page.locator(".tab.active", { hasText: "Baseline ↔ cells, run 2" }).waitFor();
  await page.locator(".monaco-diff-editor .line-insert").first().waitFor();
  await workbench.screenshot("4-configurations");
  await (await runsTable(workbench)).getByRole("button", { name: "Compare Images" }).click();
  await workbench.entries.filter({ hasText: "nuclei-01.tif" }).waitFor();
  await (await workbench.table()).getByRole("searchbox", { name: "Filter runs" }).focus();
  await workbench.choose("nuclei-01.tif");
  const viewer = await workbench.viewer("Baseline,");
  for (const title of ["Original", "Baseline", "cells, run 2"])
    await viewer.getByRole("img", { name: `${title},` }).waitFor();
  await workbench.screenshot("5-images");
  await (await runsTable(workbench)).getByRole("button", { name: "Compare Curves" }).click();
  const curves = (await workbench.panel()).getByRole("region", { name: "Curves" });
  for (const run of ["Baseline", "cells, run 2"])
    await curves.locator(".shared-legend .legend-entry", { hasText: run }).waitFor();
});

scenario("a model is applied to a folder of images", async ({ workbench, folder }) => {
  cpSync(join(folder, "2d/test"), join(folder, "new-images"), { recursive: true });
  await workbench.command("BiaPy: Apply Model to Images…");
  await workbench.choose("cells, run 2");
  await workbench.givePath("Folder of images to apply cells, run 2 to", `${join(folder, "new-images")}/`);
  const notice = await workbench.notice(/predictions are in .*new-images/);
  await workbench.screenshot("6-applied");
  assert.deepEqual(readdirSync(join(folder, "new-images/predictions_cells_2")).sort(), [
    "nuclei-01.tif",
    "nuclei-02.tif",
  ]);
  await notice.getByRole("button", { name: "Show Images" }).click();
  const viewer = await workbench.viewer("Prediction,");
  await viewer.getByRole("img", { name: "Prediction," }).waitFor();
  await workbench.screenshot("7-prediction");
});

scenario("a run is deleted after what goes is listed", async ({ workbench, folder }) => {
  const table = await runsTable(workbench);
  await table.locator("tr[data-run]", { hasText: "cells, run 2" }).click();
  await table.getByRole("button", { name: "Delete…" }).click();
  const dialog = workbench.page.getByRole("dialog");
  await dialog.getByText("cells_2-checkpoint-best.pth").waitFor();
  await workbench.screenshot("8-delete");
  await dialog.getByRole("button", { name: "Move to Trash" }).click();
  // A served machine may have no trash, which is asked about.
  const forGood = workbench.page.getByRole("button", { name: "Delete Permanently" });
  const gone = () => !existsSync(join(folder, "results/cells/results/cells_2"));
  await until(
    async () => {
      if (await forGood.isVisible()) await forGood.click();
      return gone() || undefined;
    },
    "the run to be deleted",
    TRAINED,
  );
  await until(async () => !(await names(table)).includes("cells, run 2") || undefined, "its row to go");
  assert.ok(existsSync(join(folder, "results/cells/results/cells_1")));
  assert.ok(existsSync(join(folder, "results/cells/config_files/cells_1.yaml")));
  assert.ok(!existsSync(join(folder, "results/cells/config_files/cells_2.yaml")));
});
