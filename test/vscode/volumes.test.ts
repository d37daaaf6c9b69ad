/** Volumes: trained and looked at slice by slice, in all kinds of files and color themes. */
import assert from "node:assert/strict";
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fromFile } from "geotiff";
import type { Frame } from "playwright-core";
import { readImage } from "../../src/images/files.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { pageFaults } from "../support/accessibility.ts";
import { tinyVolumeModel } from "./configurations.ts";
import { sampleWindow } from "./sample-window.ts";
import { until, type Workbench } from "./workbench.ts";

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
    await images.getByRole("img", { name: new RegExp(`^${role},.*slice 1 of ${slices}`) }).waitFor();
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
  await (await workbench.viewer("Original,")).getByRole("img", { name: /^Original,.*slice 4 of/ }).waitFor();
});

scenario("a z-stack opens, and the slider shows its slices", async ({ workbench, folder }) => {
  await workbench.command("View: Close All Editors");
  await workbench.openFile("nuclei-train.tif");
  const viewer = await workbench.viewer("nuclei-train.tif,");
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

/** The value of a pixel by geotiff, which reads TIFFs independently of this program. */
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

scenario("a stack has colors, a maximum and orthogonal views, by mouse and by key", async ({ workbench }) => {
  const { keyboard } = workbench.page;
  await workbench.command("View: Close All Editors");
  await workbench.openFile("nuclei-train.tif");
  const viewer = await workbench.viewer("nuclei-train.tif,");
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
  await until(async () => (await viewer.locator(".tile-canvas").count()) === 3 || undefined, "three views");
  await viewer.locator('.tiles[aria-busy="false"]').waitFor();
  await workbench.screenshot("5-orthogonal");
  await keyboard.press("o");
  await keyboard.press("?");
  const keys = viewer.getByRole("dialog", { name: "Keys for images" });
  await keys.getByText("Maximum over all slices").waitFor();
  await workbench.screenshot("6-keys");
  await keyboard.press("Escape");
  await keys.waitFor({ state: "detached" });
});

scenario("sizes are in the file's unit, and channels are shown alone", async ({ workbench, folder }) => {
  cpSync("test/fixtures/images/rgb.tif", join(folder, "rgb.tif"));
  cpSync("media/icon.png", join(folder, "cell.png"));
  const stack = await readImage(join(folder, "3d/train/nuclei-train.tif"));
  await writeTiff(join(folder, "micrometers.tif"), stack, { x: 0.65, y: 0.65, z: 2, unit: "µm" });
  await workbench.openFile("micrometers.tif");
  const scaled = await workbench.viewer("micrometers.tif,");
  await scaled.locator(".image-facts", { hasText: "pixels of 0.65 µm × 0.65 µm × 2 µm" }).waitFor();
  await scaled.getByRole("img", { name: "micrometers.tif" }).hover();
  await scaled.locator(".tile-value", { hasText: /y [\d.]+ µm, x [\d.]+ µm/ }).waitFor();
  await workbench.screenshot("7-scale-bar");
  await workbench.openFile("rgb.tif");
  const color = await workbench.viewer("rgb.tif,");
  await color.getByRole("img", { name: "rgb.tif" }).waitFor();
  await color.locator("vscode-checkbox", { hasText: "Channel 2" }).click();
  await color.locator("vscode-checkbox", { hasText: "Channel 3" }).click();
  await color.getByRole("combobox", { name: "Channel 2: colors" }).waitFor({ state: "hidden" });
  await workbench.screenshot("8-channels");
  await workbench.fromMenu(await workbench.inExplorer("cell.png"), "View Images");
  await workbench.page.locator(".tab.active", { hasText: "cell.png" }).waitFor();
  await (await workbench.viewer("cell.png,")).getByRole("img", { name: "cell.png" }).waitFor();
});

scenario("the trainer's reading of a file is shown from the explorer", async ({ workbench }) => {
  await workbench.fromMenu(await workbench.inExplorer("micrometers.tif"), "Inspect Images");
  for (const fact of ["31 x 61 x 33 (z, y, x, channel: 31, 61, 33, 1)", "uint16", "0.65"])
    await until(async () => (await workbench.visibleText()).includes(fact) || undefined, fact);
  await workbench.screenshot("9-inspected");
  // It is no file, and asks nothing when it is closed.
  const tab = workbench.page.locator(".tab.active", { hasText: "Inspection of micrometers.tif" });
  await tab.waitFor();
  await workbench.command("View: Close Editor");
  await tab.waitFor({ state: "detached" });
});

scenario("HDF5 files and Zarr stores open in the viewer", async ({ workbench, folder }) => {
  const { page } = workbench;
  await workbench.command("View: Close All Editors");
  for (const name of ["zyxc.h5", "v2-zyx.zarr"]) {
    cpSync(join("test/fixtures/images", name), join(folder, name), { recursive: true });
    const [depth, height, width] = (await readImage(join(folder, name))).shape;
    if (name.endsWith(".h5")) await workbench.openFile(name);
    else {
      await workbench.fromMenu(await workbench.inExplorer(name), "View Images");
      await page.locator(".tab.active", { hasText: name }).waitFor();
    }
    const viewer = await workbench.viewer(`${name},`);
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

/** Color themes, with the class that VS Code gives pages in them. */
const THEMES = {
  "Dark Modern": "vscode-dark",
  "Light Modern": "vscode-light",
  "Dark High Contrast": "vscode-high-contrast",
  "Light High Contrast": "vscode-high-contrast-light",
};

/** With three pages side by side, and columns as narrow as VS Code allows. */
const [WIDE, NARROW] = [
  { width: 1400, height: 900 },
  { width: 820, height: 900 },
];

/** Shows viewer, table and panel at the same time. */
async function allPages(workbench: Workbench): Promise<ReadonlyMap<string, Frame>> {
  await workbench.command("View: Close All Editors");
  await workbench.openFile("nuclei-test.tif");
  await workbench.command("BiaPy: Open Training Panel");
  const panel = await workbench.panel();
  await panel.getByRole("region", { name: "Curves" }).getByText("Loss", { exact: true }).waitFor();
  await workbench.page.keyboard.press("Control+1");
  await workbench.command("BiaPy: Show Runs Table");
  await workbench.table();
  await workbench.command("View: Move Editor into Group Below");
  const table = await workbench.table();
  await table.locator("tr[data-run]").first().waitFor();
  // VS Code has made it anew since the table covered it.
  const viewer = await workbench.viewer("nuclei-test.tif,");
  await viewer.getByRole("img", { name: "nuclei-test.tif" }).waitFor();
  return new Map([
    ["viewer", viewer],
    ["panel", panel],
    ["table", table],
  ]);
}

scenario(
  "panel, table and viewer are readable in every theme, and whole where narrow",
  async ({ workbench }) => {
    const { page } = workbench;
    const pages = await allPages(workbench);
    const faultless = async (where: string) => {
      for (const [name, frame] of pages) assert.deepEqual(await pageFaults(frame), [], `${name}, ${where}`);
    };
    for (const [theme, kind] of Object.entries(THEMES)) {
      await workbench.command("Preferences: Color Theme");
      await page.locator(".quick-input-widget input[type=text]").fill(theme);
      await workbench.choose(theme);
      const background = await until(async () => {
        const color = await page.evaluate(() =>
          getComputedStyle(document.querySelector(".monaco-workbench") as Element).getPropertyValue(
            "--vscode-editor-background",
          ),
        );
        const shown = await Promise.all([...pages.values()].map(colorOf));
        return shown.every((each) => each === color.trim()) ? color : undefined;
      }, `the colors of ${theme}`);
      assert.ok(background !== "");
      for (const frame of pages.values()) await frame.locator(`body.${kind}`).waitFor();
      await workbench.screenshot(`3-${theme.replaceAll(" ", "-").toLowerCase()}`);
      await faultless(theme);
    }
    await page.setViewportSize(NARROW);
    await until(async () => {
      const widths = await Promise.all([...pages.values()].map((frame) => frame.evaluate(() => innerWidth)));
      return widths.every((width) => width < 300) || undefined;
    }, "narrow pages");
    await workbench.screenshot("3-narrow");
    await faultless("narrow");
    await page.setViewportSize(WIDE);
  },
);

const colorOf = (frame: Frame): Promise<string> =>
  frame.evaluate(() =>
    getComputedStyle(document.documentElement).getPropertyValue("--vscode-editor-background").trim(),
  );
