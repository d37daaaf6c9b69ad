/** Images open in the editor's own viewer. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fromFile } from "geotiff";
import { tinyModel } from "./configurations.ts";
import { sampleWindow } from "./sample-window.ts";
import { until } from "./workbench.ts";

// A window that is opened for the first time shows images as text until it knows of the extension.
const scenario = sampleWindow({ "cells.biapy.yaml": tinyModel(1) });

scenario("a z-stack opens, and the slider shows its slices", async ({ workbench, folder }) => {
  await workbench.openFile("nuclei-train.tif");
  const viewer = await workbench.viewer();
  const picture = viewer.getByRole("img", { name: "nuclei-train.tif, 61 by 33 pixels, slice 1 of 31" });
  await picture.waitFor();
  const first = await picture.screenshot();
  await viewer.getByRole("slider", { name: "Slice (z)" }).focus();
  await workbench.page.keyboard.press("ArrowRight");
  await workbench.page.keyboard.press("ArrowRight");
  const third = viewer.getByRole("img", { name: "slice 3 of 31" });
  await third.waitFor();
  await until(async () => !(await third.screenshot()).equals(first) || undefined, "another picture");
  await third.hover();
  const value = viewer.locator(".tile-value", { hasText: /^\d+ +\(y \d+, x \d+\)$/ });
  await workbench.screenshot("third-slice");
  const [shown, y, x] = ((await value.textContent())?.match(/\d+/g) ?? []).map(Number);
  assert.equal(shown, await pixel(join(folder, "3d/train/nuclei-train.tif"), 2, y, x));
});

async function pixel(path: string, slice: number, y: number, x: number): Promise<number> {
  const file = await fromFile(path);
  try {
    const rasters = await (await file.getImage(slice)).readRasters({ window: [x, y, x + 1, y + 1] });
    const [plane] = Array.isArray(rasters) ? rasters : [rasters];
    return plane[0];
  } finally {
    await file.close();
  }
}
