/** What axe-core, an independent judge of accessibility, finds in the pages, in every theme, at 200 % zoom and in a narrow column. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import type { AxeResults } from "axe-core";
import { condense } from "../../src/extension/panel/run-history.ts";
import { type Harness, startHarness, type Webview } from "./harness.ts";
import { imagesShown } from "./looking.ts";
import { recordedEvents, recordedImage, summary } from "./recorded-runs.ts";
import { THEMES, type ThemeName } from "./themes.ts";

let harness: Harness;
let axe: string;
before(async () => {
  harness = await startHarness();
  axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
});
after(() => harness.close());

/** What is wrong, a line each. */
async function faults({ frame, page }: Webview): Promise<string[]> {
  await frame.evaluate(axe);
  const { violations } = await frame.evaluate(
    (): Promise<AxeResults> => (window as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  const found = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}: ${html.slice(0, 200)} ${failureSummary}`),
  );
  const width = await frame.evaluate(() => document.documentElement.scrollWidth);
  const { width: visible } = page.viewportSize() ?? { width };
  return width > visible ? [...found, `The page is ${width} pixels wide and shows ${visible}.`] : found;
}

/** Shows a page as it is, at 200 % zoom, which halves its pixels, and in a narrow column. */
async function judge(webview: Webview): Promise<void> {
  const { page } = webview;
  assert.deepEqual(await faults(webview), []);
  await page.setViewportSize({ width: 500, height: 700 });
  assert.deepEqual(await faults(webview), [], "at 200 %");
  await page.setViewportSize({ width: 240, height: 700 });
  assert.deepEqual(await faults(webview), [], "240 pixels wide");
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
      engine: "embedded",
      bestLoss: 0.5,
    }));
    await webview.tell({ type: "runs", rows, details: [], defaults: {} });
    await webview.frame.locator("tr[data-run]").first().click();
    await webview.frame.getByRole("button", { name: "Scatter Plot" }).click();
    await webview.frame.getByRole("region", { name: "Scatter plot" }).waitFor();
    await judge(webview);
  });
}
