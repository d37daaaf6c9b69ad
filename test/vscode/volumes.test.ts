/** Volumes: trained and looked at slice by slice, in all kinds of files and color themes. */
import assert from "node:assert/strict";
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "playwright-core";
import { readImage } from "../../src/images/files.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { tinyVolumeModel } from "./configurations.ts";
import { sampleWindow } from "./sample-window.ts";
import { until } from "./workbench.ts";

const scenario = sampleWindow({ "volume.biapy.yaml": tinyVolumeModel(2) });

scenario("a volume is trained, and the panel steps through its slices", async ({ workbench, folder }) => {
  await workbench.train();
  const panel = await workbench.runStatus(/Finished/);
  const images = panel.getByRole("region", { name: "Images" });
  await images.getByRole("tab", { name: "Reconstructions" }).click();
  const original = images.getByRole("img", { name: "Original," });
  await original.scrollIntoViewIfNeeded();
  const slices = Number(/slice \d+ of (\d+)/.exec((await original.getAttribute("aria-label")) ?? "")?.[1]);
  const slider = images.getByRole("slider", { name: "Slice (z)" });
  await slider.press("Home");
  for (const role of ["Original", "Masked", "Reconstruction", "With visible"])
    await images
      .getByRole("img", { name: new RegExp(`^${role.replace("+", "\\+")},.*slice 1 of ${slices}`) })
      .waitFor();
  const first = await original.screenshot();
  await slider.press("End");
  await images.getByRole("img", { name: new RegExp(`^Original,.*slice ${slices} of ${slices}`) }).waitFor();
  await until(async () => !(await original.screenshot()).equals(first) || undefined, "another picture");
  await workbench.screenshot("1-slices");
  assert.ok(existsSync(join(folder, "results/volume/results/volume_1/MAE_checks")));
});

scenario("the viewer opens an image at the slice that the panel shows", async ({ workbench }) => {
  const images = (await workbench.panel()).getByRole("region", { name: "Images" });
  const slider = images.getByRole("slider", { name: "Slice (z)" });
  await slider.press("Home");
  for (let step = 0; step < 3; step++) await slider.press("ArrowRight");
  await images.getByRole("img", { name: /^Original,.*slice 4 of/ }).waitFor();
  await images.getByRole("button", { name: "Open in editor" }).click();
  await (await workbench.viewer()).getByRole("img", { name: /^Original,.*slice 4 of/ }).waitFor();
});

scenario("a stack has colors, a maximum and orthogonal views, by mouse and by key", async ({ workbench }) => {
  const { keyboard } = workbench.page;
  await workbench.command("View: Close All Editors");
  await workbench.openFile("nuclei-train.tif");
  const viewer = await workbench.viewer();
  const first = viewer.getByRole("img", { name: "nuclei-train.tif, 61 by 33 pixels, slice 1 of 31" });
  await first.waitFor();
  const gray = await first.screenshot();
  await viewer.getByRole("combobox", { name: "Colors" }).selectOption("Viridis");
  await until(async () => !(await first.screenshot()).equals(gray) || undefined, "other colors");
  await first.click();
  await keyboard.press("m");
  await viewer.getByRole("img", { name: /maximum/i }).waitFor();
  await workbench.screenshot("4-maximum");
  await keyboard.press("m");
  await keyboard.press("o");
  await until(async () => (await viewer.getByRole("img").count()) === 3 || undefined, "three views");
  await workbench.screenshot("5-orthogonal");
  await keyboard.press("o");
  await keyboard.press("?");
  const keys = viewer.getByRole("dialog", { name: "Keys for images" });
  await keys.getByText("Maximum over all slices").waitFor();
  await workbench.screenshot("6-keys");
  await keyboard.press("Escape");
  await keys.waitFor({ state: "detached" });
});

scenario("the scale bar has the file's unit, and channels are shown alone", async ({ workbench, folder }) => {
  cpSync("test/fixtures/images/rgb.tif", join(folder, "rgb.tif"));
  cpSync("media/icon.png", join(folder, "cell.png"));
  const stack = await readImage(join(folder, "3d/train/nuclei-train.tif"));
  await writeTiff(join(folder, "micrometers.tif"), stack, { x: 0.65, y: 0.65, z: 2, unit: "µm" });
  await workbench.openFile("micrometers.tif");
  const scaled = await workbench.viewer();
  await scaled.locator(".image-facts", { hasText: /pixels of .*[µn]m/ }).waitFor();
  await scaled.getByRole("img", { name: "micrometers.tif" }).hover();
  await scaled.locator(".tile-value", { hasText: /[µn]m/ }).waitFor();
  await workbench.screenshot("7-scale-bar");
  await workbench.openFile("rgb.tif");
  const color = await workbench.viewer();
  await color.getByRole("img", { name: "rgb.tif" }).waitFor();
  await color.locator("vscode-checkbox", { hasText: "Channel 2" }).click();
  await color.locator("vscode-checkbox", { hasText: "Channel 3" }).click();
  await color.getByRole("combobox", { name: "Channel 2: colors" }).waitFor({ state: "hidden" });
  await workbench.screenshot("8-channels");
  await workbench.command("Explorer: Focus on Folders View");
  await workbench.fromMenu(
    workbench.page.locator(".explorer-folders-view .monaco-list-row", { hasText: "cell.png" }),
    "View Images",
  );
  await workbench.page.locator(".tab.active", { hasText: "cell.png" }).waitFor();
  await (await workbench.viewer()).getByRole("img", { name: "cell.png" }).waitFor();
});

scenario("HDF5 files and Zarr stores open in the viewer", async ({ workbench, folder }) => {
  const { page } = workbench;
  await workbench.command("View: Close All Editors");
  for (const name of ["zyxc.h5", "v2-zyx.zarr"]) {
    cpSync(join("test/fixtures/images", name), join(folder, name), { recursive: true });
    const [depth, height, width] = (await readImage(join(folder, name))).shape;
    if (name.endsWith(".h5")) await workbench.openFile(name);
    else {
      await workbench.command("Explorer: Focus on Folders View");
      await workbench.fromMenu(
        page.locator(".explorer-folders-view .monaco-list-row", { hasText: name }),
        "View Images",
      );
      await page.locator(".tab.active", { hasText: name }).waitFor();
    }
    const viewer = await workbench.viewer();
    const slice = (z: number) =>
      viewer.getByRole("img", { name: `${name}, ${height} by ${width} pixels, slice ${z} of ${depth}` });
    await slice(1).waitFor();
    await viewer.getByRole("slider", { name: "Slice (z)" }).press("End");
    await slice(depth).waitFor();
    await viewer.getByRole("slider", { name: "Slice (z)" }).press("Home");
    await slice(1).hover();
    await viewer.locator(".tile-value", { hasText: /\(y \d+, x \d+\)/ }).waitFor();
    await workbench.screenshot(`2-${name}`);
  }
});

const THEMES = ["Dark Modern", "Light Modern", "Dark High Contrast", "Light High Contrast"];

scenario("panel, table and viewer have the colors of the editor's theme", async ({ workbench }) => {
  const { page } = workbench;
  await workbench.command("View: Close All Editors");
  await workbench.openFile("nuclei-test.tif");
  await workbench.command("BiaPy: Open Training Panel");
  const [viewer, panel] = [await workbench.viewer(), await workbench.panel()];
  await panel.getByRole("region", { name: "Curves" }).getByText("Loss", { exact: true }).waitFor();
  for (const theme of THEMES) {
    await workbench.command("Preferences: Color Theme");
    await page.locator(".quick-input-widget input[type=text]").fill(theme);
    await workbench.choose(theme);
    const background = await until(async () => {
      const color = await page.evaluate(() =>
        getComputedStyle(document.querySelector(".monaco-workbench") as Element).getPropertyValue(
          "--vscode-editor-background",
        ),
      );
      const shown = [await colorOf(viewer), await colorOf(panel)];
      return shown.every((each) => each === color.trim()) ? color : undefined;
    }, `the colors of ${theme}`);
    assert.ok(background !== "");
    const dark = theme.startsWith("Dark");
    const contrast = theme.includes("High Contrast");
    const kind = contrast
      ? dark
        ? "vscode-high-contrast"
        : "vscode-high-contrast-light"
      : dark
        ? "vscode-dark"
        : "vscode-light";
    await panel.locator(`body.${kind}`).waitFor();
    await panel.getByRole("region", { name: "Progress" }).scrollIntoViewIfNeeded();
    await workbench.screenshot(`3-${theme.replaceAll(" ", "-").toLowerCase()}`);
  }
});

const colorOf = (frame: Frame): Promise<string> =>
  frame.evaluate(() =>
    getComputedStyle(document.documentElement).getPropertyValue("--vscode-editor-background").trim(),
  );
