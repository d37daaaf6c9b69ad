/** Takes the pictures of the walkthrough (`media/walkthrough`) in the served VS Code: `npm run pictures`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import encode, { init } from "@jsquash/webp/encode.js";
import { decode } from "fast-png";
import type { Locator } from "playwright-core";
import { prepare } from "./prepare.ts";
import { ServedVsCode } from "./served-vscode.ts";
import type { Workbench } from "./workbench.ts";

const PICTURES = resolve("media/walkthrough");
/** Enough for curves that fall and reconstructions that show nuclei. */
const EPOCHS = 30;
/** A busy machine takes minutes. */
const FINISHED = 1_200_000;
/** Room for four images in a row, with the curves below them. */
const WINDOW = { width: 1500, height: 1060 };
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
  const path = join(PICTURES, `${name}.webp`);
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
  await take(workbench, "panel", { x: x - 14, y: y - 10 }, width, WINDOW.height - y - 24);
  const images = panel.getByRole("region", { name: "Images" });
  await images.getByRole("tab", { name: "Reconstructions" }).click();
  await images.getByRole("img", { name: "With visible," }).scrollIntoViewIfNeeded();
  await images.evaluate((region) => region.scrollIntoView());
  const at = await placeOf(images);
  const { height = 520 } = (await images.boundingBox()) ?? {};
  await take(workbench, "reconstructions", { x: at.x - 14, y: at.y }, width, height);
}

async function takeResults(workbench: Workbench): Promise<void> {
  await workbench.command("BiaPy: Show Results");
  await workbench.expand(".sidebar", "cells, run 1");
  await workbench.result("Checkpoints").locator(".monaco-tl-twistie").click();
  await workbench.result("checkpoint-best.pth").waitFor();
  const { x, y } = await placeOf(workbench.page.locator(".sidebar"));
  await take(workbench, "results", { x, y }, 300, 260);
}

async function takeEngine(workbench: Workbench): Promise<void> {
  await workbench.command("BiaPy: Select Engine…");
  await workbench.entries.filter({ hasText: "Embedded engine" }).waitFor();
  await workbench.page.locator(".quick-input-progress.active").waitFor({ state: "detached" });
  await workbench.entries.filter({ hasText: "Looking for it" }).first().waitFor({ state: "detached" });
  const list = workbench.page.locator(".quick-input-widget");
  const { x, y } = await placeOf(list);
  const size = await list.boundingBox();
  await take(workbench, "engine", { x, y }, size?.width ?? 600, size?.height ?? 200);
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
  await take(workbench, "configuration", { x, y: shown.y - 300 }, 830, 550);
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
} finally {
  await vscode.close();
}
