/** Takes the pictures of the walkthrough and of docs/webviews.md in the served VS Code: `npm run pictures`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import encode, { init } from "@jsquash/webp/encode.js";
import { decode } from "fast-png";
import type { Frame, Locator } from "playwright-core";
import { tinyModel } from "./configurations.ts";
import { prepare } from "./prepare.ts";
import { ServedVsCode } from "./served-vscode.ts";
import { until, type Workbench } from "./workbench.ts";

const [WALKTHROUGH, DOCS] = ["media/walkthrough", "docs/pictures"];
/** Enough for curves that fall and reconstructions that show nuclei. */
const EPOCHS = 30;
/** A busy machine takes minutes. */
const FINISHED = 1_200_000;
/** Room for four images in a row, with the curves below them. */
const WINDOW = { width: 1500, height: 1060 };
/** For the table and the viewer. */
const SMALL = { width: 900, height: 700 };
/** With two columns of editors, each about 240 pixels wide. */
const NARROW = { width: 540, height: 1060 };
/** Learning rates of the runs that the table compares. */
const RATES = ["3.E-4", "1.E-3", "3.E-3", "1.E-2"];
/** Quality of pictures of images, in percent. */
const QUALITY = 85;
/** A misspelt key of the configuration, and how it is to be. */
const [MISSPELT, KEY] = ["BATCH_SIZ:", "BATCH_SIZE:"];

const demo = readFileSync("templates/demo.biapy.yaml", "utf8")
  .replaceAll("media/samples/", "")
  .replace(/^#.*\n/, "")
  .replace(/ EPOCHS: \d+/, ` EPOCHS: ${EPOCHS}`);

interface Corner {
  readonly x: number;
  readonly y: number;
}

/** Keeps what lies in the window right of and below a corner. */
async function take({ page }: Workbench, name: string, { x, y }: Corner, width: number, height: number) {
  const picture = await webp(await page.screenshot({ clip: { x, y, width, height } }));
  const path = `${name}.webp`;
  writeFileSync(path, picture);
  console.log(`${path}: ${(picture.length / 1000).toFixed(0)} kB`);
}

/** Converts a PNG to WebP: without loss, or with less quality where that is smaller. */
async function webp(png: Uint8Array): Promise<Uint8Array> {
  await init(await WebAssembly.compile(readFileSync("node_modules/@jsquash/webp/codec/enc/webp_enc.wasm")));
  const { width, height, channels, data: samples } = decode(png);
  const data = Uint8ClampedArray.from({ length: width * height * 4 }, (_, at) => {
    const channel = at % 4;
    return channel === 3 ? 255 : (samples[((at - channel) / 4) * channels + channel] ?? 0);
  });
  const image = { width, height, data, colorSpace: "srgb" as const };
  const [exact, small] = [await encode(image, { lossless: 1 }), await encode(image, { quality: QUALITY })];
  return new Uint8Array(exact.byteLength < small.byteLength ? exact : small);
}

async function placeOf(element: Locator): Promise<Corner> {
  const box = await element.boundingBox();
  if (box === null) throw new Error("What is to be in the picture is not in sight.");
  return box;
}

async function takePanel(workbench: Workbench): Promise<void> {
  await workbench.train();
  const panel = await workbench.runStatus(/Finished/, FINISHED);
  await workbench.dismissNotices();
  const { x, y } = await placeOf(panel.locator(".run-bar"));
  const width = WINDOW.width - x;
  const place = [{ x: x - 14, y: y - 10 }, width, WINDOW.height - y - 24] as const;
  for (const name of [`${WALKTHROUGH}/panel`, `${DOCS}/panel-after`]) await take(workbench, name, ...place);
  const images = panel.getByRole("region", { name: "Images" });
  await images.getByRole("tab", { name: "Reconstructions" }).click();
  await images.getByRole("img", { name: "With visible," }).scrollIntoViewIfNeeded();
  await images.evaluate((region) => region.scrollIntoView());
  const at = await placeOf(images);
  const { height = 520 } = (await images.boundingBox()) ?? {};
  await take(workbench, `${WALKTHROUGH}/reconstructions`, { x: at.x - 14, y: at.y }, width, height);
}

async function takeResults(workbench: Workbench): Promise<void> {
  await workbench.command("BiaPy: Show Results");
  await workbench.expand(".sidebar", "cells, run 1");
  await workbench.result("Checkpoints").locator(".monaco-tl-twistie").click();
  await workbench.result("checkpoint-best.pth").waitFor();
  const { x, y } = await placeOf(workbench.page.locator(".sidebar"));
  await take(workbench, `${WALKTHROUGH}/results`, { x, y }, 300, 260);
}

async function takeEngine(workbench: Workbench): Promise<void> {
  await workbench.command("BiaPy: Select Engine…");
  await workbench.entries.filter({ hasText: "Embedded engine" }).waitFor();
  await workbench.page.locator(".quick-input-progress.active").waitFor({ state: "detached" });
  await workbench.entries.filter({ hasText: "Looking for it" }).first().waitFor({ state: "detached" });
  const list = workbench.page.locator(".quick-input-widget");
  const { x, y } = await placeOf(list);
  const size = await list.boundingBox();
  await take(workbench, `${WALKTHROUGH}/engine`, { x, y }, size?.width ?? 600, size?.height ?? 200);
  await workbench.cancel();
}

async function takeConfiguration(workbench: Workbench): Promise<void> {
  await workbench.command("View: Close All Editors");
  await workbench.openFile("misspelt.biapy.yaml");
  await workbench.languageReady();
  const { page, editor } = workbench;
  await editor.locator(".squiggly-error, .squiggly-warning").first().waitFor();
  await workbench.select(MISSPELT);
  await editor
    .locator(".view-line span", { hasText: MISSPELT.slice(0, -1) })
    .last()
    .hover();
  const hover = page.locator(".monaco-hover:not(.hidden)", { hasText: KEY.slice(0, -1) });
  await hover.waitFor();
  const { x } = await placeOf(editor);
  const shown = await placeOf(hover);
  await take(workbench, `${WALKTHROUGH}/configuration`, { x, y: shown.y - 300 }, 830, 550);
}

/** The whole page of a webview. */
async function takePage(workbench: Workbench, name: string, frame: Frame): Promise<void> {
  const page = await (await frame.frameElement()).boundingBox();
  if (page === null) throw new Error(`${name} is not in sight.`);
  await take(workbench, `${DOCS}/${name}`, page, page.width, page.height);
}

async function takeNarrowPanel(workbench: Workbench): Promise<void> {
  await workbench.openFile("cells.biapy.yaml");
  await workbench.command("BiaPy: Open Training Panel");
  const panel = await workbench.panel();
  await panel.evaluate(() => document.documentElement.scrollTo(0, 0));
  await workbench.page.setViewportSize(NARROW);
  await until(async () => (await panel.evaluate(() => innerWidth)) < 260 || undefined, "a narrow panel");
  await panel.locator('.tiles[aria-busy="false"]').waitFor();
  await takePage(workbench, "panel-narrow", panel);
}

/** Runs that differ in their learning rate, in the table with its scatter plot. */
async function takeTable(workbench: Workbench, folder: string): Promise<void> {
  for (const [index, rate] of RATES.entries()) {
    writeFileSync(join(folder, "rates.biapy.yaml"), tinyModel(8).replace("1.E-3", rate));
    await workbench.openFile("rates.biapy.yaml");
    await workbench.editor.locator(".view-line", { hasText: rate }).waitFor();
    const panel = await workbench.train();
    const chosen = panel.getByRole("combobox", { name: "Run" }).locator("option:checked");
    const name = `rates, run ${index + 1}`;
    await until(async () => (await chosen.textContent())?.includes(name) || undefined, name);
    await workbench.runStatus(/Finished/, FINISHED);
  }
  await workbench.dismissNotices();
  await workbench.command("View: Close All Editors");
  await workbench.page.setViewportSize(SMALL);
  await workbench.command("BiaPy: Show Runs Table");
  const table = await workbench.table();
  await table.getByRole("searchbox", { name: "Filter runs" }).fill("rates");
  await table.getByRole("button", { name: "Scatter Plot" }).click();
  const scatter = table.getByRole("region", { name: "Scatter plot" });
  await scatter.getByText(`${RATES.length} runs`).waitFor();
  for (const row of [0, 1])
    await table
      .locator(".select input")
      .nth(row + 1)
      .check();
  await takePage(workbench, "runs-table", table);
}

async function takeViewer(workbench: Workbench): Promise<void> {
  await workbench.command("View: Close All Editors");
  await workbench.openFile("nuclei-train.tif");
  const viewer = await workbench.viewer("nuclei-train.tif,");
  await viewer.getByRole("combobox", { name: "Colors" }).selectOption("Viridis");
  await viewer.getByRole("slider", { name: "Slice (z)" }).fill("15");
  await viewer.locator("vscode-checkbox", { hasText: "Orthogonal" }).click();
  await until(async () => (await viewer.locator(".tile-canvas").count()) === 3 || undefined, "three views");
  await viewer.locator('.tiles[aria-busy="false"]').waitFor();
  await takePage(workbench, "viewer-after", viewer);
}

if (process.env.BIAPY_SERVED_VSCODE === undefined) Object.assign(process.env, prepare());
const vscode = await ServedVsCode.start({ settings: { "security.workspace.trust.enabled": false } });
try {
  const folder = vscode.workspace("cells", "media/samples");
  writeFileSync(join(folder, "cells.biapy.yaml"), demo);
  writeFileSync(join(folder, "misspelt.biapy.yaml"), demo.replace(KEY, MISSPELT));
  const workbench = await vscode.open(folder);
  await workbench.page.setViewportSize(WINDOW);
  await workbench.command("View: Toggle Primary Side Bar Visibility");
  await workbench.openFile("cells.biapy.yaml");
  await workbench.languageReady();
  await takePanel(workbench);
  await takeResults(workbench);
  await takeEngine(workbench);
  await takeConfiguration(workbench);
  await workbench.command("View: Close All Editors");
  await workbench.command("View: Toggle Primary Side Bar Visibility");
  await takeTable(workbench, folder);
  await takeViewer(workbench);
  await takeNarrowPanel(workbench);
} finally {
  await vscode.close();
}
