/** What axe-core, an independent judge of accessibility, has to say about the pages. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import type { AxeResults } from "axe-core";
import { condense } from "../../src/extension/panel/run-history.ts";
import { type Harness, startHarness, type Webview } from "./harness.ts";
import { imagesShown } from "./looking.ts";
import { recordedEvents, recordedImage, summary } from "./recorded-runs.ts";
import type { ThemeName } from "./themes.ts";

let harness: Harness;
let axe: string;
before(async () => {
  harness = await startHarness();
  axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
});
after(() => harness.close());

/** What is wrong, a line each. The colors of a theme are the theme's, so contrast is judged in high contrast only. */
async function faults({ frame }: Webview, theme: ThemeName): Promise<string[]> {
  await frame.evaluate(axe);
  const { violations } = await frame.evaluate(
    (contrast): Promise<AxeResults> =>
      (window as unknown as { axe: { run(options: object): Promise<AxeResults> } }).axe.run({
        rules: { "color-contrast": { enabled: contrast } },
      }),
    theme === "high-contrast",
  );
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html }) => `${id}: ${help}: ${html.slice(0, 200)}`),
  );
}

for (const theme of ["light", "high-contrast"] as const) {
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
    assert.deepEqual(await faults(webview, theme), []);
    await webview.close();
  });

  test(`the image viewer, ${theme}`, async () => {
    const webview = await harness.open("viewer", { theme });
    const path = recordedImage("cube/results/cube_1/MAE_checks/nuclei-test_original.tif");
    await webview.tell({
      type: "show",
      images: [{ path, label: "nuclei-test.tif", shape: [31, 61, 24, 1], sampleType: "uint16" }],
    });
    await imagesShown(webview);
    assert.deepEqual(await faults(webview, theme), []);
    await webview.close();
  });

  test(`the runs table, ${theme}`, async () => {
    const webview = await harness.open("table", { theme });
    const rows = ["cells", "cube"].map((name) => ({
      summary: summary(name, "finished"),
      engine: "embedded",
      bestLoss: 0.5,
    }));
    await webview.tell({ type: "rows", rows });
    await webview.frame.locator("tr[data-run]").first().click();
    await webview.frame.getByRole("button", { name: "Scatter Plot" }).click();
    await webview.frame.getByRole("region", { name: "Scatter plot" }).waitFor();
    assert.deepEqual(await faults(webview, theme), []);
    await webview.close();
  });
}
