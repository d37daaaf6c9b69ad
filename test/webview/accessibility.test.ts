/** The pages have no fault in any theme, at 200 % zoom and in a narrow column. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { condense } from "../../src/extension/panel/run-history.ts";
import { pageFaults } from "../support/accessibility.ts";
import { type Harness, startHarness, type Webview } from "./harness.ts";
import { imagesShown } from "./looking.ts";
import { recordedEvents, recordedImage, summary } from "./recorded-runs.ts";
import { THEMES, type ThemeName } from "./themes.ts";

let harness: Harness;
before(async () => {
  harness = await startHarness();
});
after(() => harness.close());

/** Checks a page as it is, at 200 % zoom, which halves its pixels, and in a narrow column. */
async function judge(webview: Webview): Promise<void> {
  const { page } = webview;
  assert.deepEqual(await pageFaults(webview.frame), []);
  await page.setViewportSize({ width: 500, height: 700 });
  assert.deepEqual(await pageFaults(webview.frame), [], "at 200 %");
  await page.setViewportSize({ width: 240, height: 700 });
  assert.deepEqual(await pageFaults(webview.frame), [], "240 pixels wide");
  assert.deepEqual(webview.complaints, []);
  await webview.close();
}

for (const theme of Object.keys(THEMES) as ThemeName[]) {
  test(`the panel, ${theme}`, async () => {
    const webview = await harness.open("panel", { theme });
    await webview.tell(
      {
        type: "runs",
        runs: [summary("cells", "running"), summary("cube", "failed", { resumable: true })],
        shown: "cells",
      },
      { type: "history", history: condense("cells", recordedEvents("cells")) },
    );
    await imagesShown(webview);
    await webview.frame.getByRole("button", { name: "Compare…" }).click();
    await webview.frame.getByRole("tab", { name: "Predictions" }).click();
    await webview.frame.locator("vscode-checkbox", { hasText: "Difference" }).click();
    await imagesShown(webview);
    await judge(webview);
  });

  test(`the image viewer, ${theme}`, async () => {
    const webview = await harness.open("viewer", { theme });
    const path = recordedImage("cube/results/cube_1/MAE_checks/nuclei-test_original.tif");
    await webview.tell({
      type: "show",
      images: [{ path, label: "nuclei-test.tif", shape: [31, 61, 24, 1], sampleType: "uint16" }],
    });
    await imagesShown(webview);
    await judge(webview);
  });

  test(`the runs table, ${theme}`, async () => {
    const webview = await harness.open("table", { theme });
    const rows = ["cells", "cube"].map((name) => ({
      summary: summary(name, "finished"),
      bestLoss: 0.5,
    }));
    await webview.tell({ type: "runs", rows, details: [], defaults: {} });
    await webview.frame.locator("tr[data-run]").first().click();
    await webview.frame.getByRole("button", { name: "Scatter Plot" }).click();
    await webview.frame.getByRole("region", { name: "Scatter plot" }).waitFor();
    await judge(webview);
  });
}
