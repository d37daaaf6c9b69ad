/** The first minutes with the extension: walkthrough, a model of the sample images, a configuration of one's own. */
import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import { sampleWindow } from "./sample-window.ts";
import { TRAINED, until, type Workbench } from "./workbench.ts";

// As for a new user: no folder is open, and VS Code asks before it trusts one.
const scenario = sampleWindow({}, { settings: {}, empty: true });

/** Titles and buttons of the steps, and how their pictures' descriptions begin. */
const STEPS = [
  { title: "Train on sample images", button: "Train on Sample Images", picture: "Original, masked" },
  { title: "Watch it learn", button: "Open Training Panel", picture: "The training panel" },
  { title: "Use your own images", button: "New Configuration", picture: "A misspelled key" },
  { title: "Look at the results", button: "Show Results", picture: "A run with its checkpoints" },
  { title: "Use BiaPy, a GPU or a cluster", button: "Select Engine", picture: "The list of engines" },
  { title: "Segment with a few labels", button: "Segment Sample Images", picture: "Image, prediction" },
] as const;

async function openStep(workbench: Workbench, title: string): Promise<Locator> {
  const step = workbench.page.locator(".getting-started-step", { hasText: title });
  if ((await step.getAttribute("class"))?.includes("expanded") !== true) await step.click();
  await workbench.page.locator(".getting-started-step.expanded", { hasText: title }).waitFor();
  return step;
}

/** Waits until the picture whose description begins so is loaded. */
async function pictureLoaded(workbench: Workbench, description: string): Promise<void> {
  await until(async () => {
    for (const frame of workbench.page.frames()) {
      const widths = await frame
        .locator(`body img[alt^="${description}"]`)
        .evaluateAll((images) => images.map((image) => (image as HTMLImageElement).naturalWidth))
        .catch(() => []);
      if (widths.some((width) => width > 200)) return true;
    }
    return undefined;
  }, `the picture: ${description}`);
}

async function openWalkthrough(workbench: Workbench): Promise<void> {
  await workbench.command("Welcome: Open Walkthrough...");
  await workbench.choose("Train your first model");
  await workbench.page.locator(".getting-started-step", { hasText: STEPS[0].title }).waitFor();
}

scenario(
  "the extension's page has only pictures that VS Code shows: from https addresses",
  async ({ vscode }) => {
    const page = readFileSync(vscode.extensionFile("readme.md"), "utf8");
    assert.match(page, /^## Train the sample$/m);
    assert.doesNotMatch(page, /!\[[^\]]*\]\((?!https:)|<img/);
  },
);

scenario("the walkthrough shows pictures, and its buttons work", async ({ workbench }) => {
  const { page } = workbench;
  await openWalkthrough(workbench);
  for (const [index, { title, button, picture }] of STEPS.entries()) {
    const step = await openStep(workbench, title);
    await step.getByRole("button", { name: button }).waitFor();
    await pictureLoaded(workbench, picture);
    await workbench.screenshot(`1-walkthrough-${index + 1}`);
  }
  const press = async ({ title, button }: (typeof STEPS)[number]) =>
    (await openStep(workbench, title)).getByRole("button", { name: button }).click();
  await press(STEPS[4]);
  await workbench.entries.filter({ hasText: "Embedded engine" }).waitFor();
  await workbench.cancel();
  await press(STEPS[3]);
  await page.locator(".sidebar", { hasText: "No results yet" }).waitFor();
  await press(STEPS[2]);
  await workbench.entries.filter({ hasText: "Use Sample Images" }).waitFor();
  await workbench.cancel();
  await press(STEPS[1]);
  await (await workbench.emptyPanel()).getByRole("button", { name: "New Configuration" }).waitFor();
  await workbench.screenshot("2-no-run-yet");
});

scenario("one click, and a model of the sample images is trained", async ({ workbench, folder }) => {
  const { page } = workbench;
  await workbench.command("View: Close All Editors");
  await openWalkthrough(workbench);
  const opened = page.waitForURL(/folder=.*biapy-sample/);
  await (await openStep(workbench, STEPS[0].title)).getByRole("button", { name: STEPS[0].button }).click();
  await opened;
  // The extension itself asks nothing; VS Code asks whether the folder is trusted.
  const question = page.getByRole("dialog", { name: /trust/ });
  await question.waitFor({ timeout: TRAINED });
  await workbench.screenshot("3-trust");
  await question.getByRole("button", { name: /trust/i }).first().click();
  await workbench.runEpoch(2);
  const panel = await workbench.panel();
  const images = panel.getByRole("region", { name: "Images" });
  await images.getByRole("img", { name: "Reconstruction," }).waitFor();
  await workbench.screenshot("3-sample-trains");
  await panel.getByRole("button", { name: "Stop" }).click();
  await workbench.runStatus(/Stopped/);

  // Once more, to the end, with fewer epochs: an existing configuration is kept.
  const sample = join(folder, "biapy-sample/sample.biapy.yaml");
  const text = readFileSync(sample, "utf8");
  writeFileSync(sample, text.replace(/EPOCHS: \d+/, "EPOCHS: 2").replace(/_EPOCHS: \d+/g, "_EPOCHS: 1"));
  await workbench.command("BiaPy: Train on Sample Images");
  const chosen = panel.getByRole("combobox", { name: "Run" }).locator("option:checked");
  await until(async () => (await chosen.textContent())?.includes("run 2") || undefined, "the second run");
  await workbench.runStatus(/Finished/);
  await workbench.screenshot("4-sample-trained");
  assert.ok(existsSync(join(folder, "biapy-sample/results/sample/checkpoints/sample_2-checkpoint-best.pth")));
});

async function answer(workbench: Workbench, ...answers: readonly (string | RegExp)[]): Promise<void> {
  for (const each of answers) await workbench.choose(each);
}

scenario("a few questions make a configuration without a problem", async ({ workbench, folder }) => {
  const sample = join(folder, "biapy-sample");
  // The degraded copies that a restoring model has made are not offered.
  cpSync(join(sample, "images/test"), join(sample, "images/train_ssl_source"), { recursive: true });
  await workbench.command("View: Close All Editors");
  await workbench.command("BiaPy: New Configuration…");
  await workbench.entries
    .filter({ hasText: /images.train.*\d+ images, \d+ × \d+/ })
    .first()
    .waitFor();
  const offered = (await workbench.entries.allInnerTexts()).map((text) => /images\/[a-z_-]+/.exec(text)?.[0]);
  assert.deepEqual(
    offered.filter((each) => each !== undefined),
    ["images/train", "images/test", "images/test-masks", "images/train-masks"],
  );
  await workbench.screenshot("5-question");
  await answer(workbench, "Use Sample Images", "3D");
  await workbench.page.locator(".quick-input-title", { hasText: "(3/7)" }).waitFor();
  // Back returns to the question before.
  await workbench.page.locator(".quick-input-titlebar .codicon-quick-input-back").click();
  await workbench.page.locator(".quick-input-title", { hasText: "(2/7)" }).waitFor();
  await answer(workbench, "3D", "Pretrain by Masking");
  // Questions without a choice are skipped, and not counted.
  await workbench.page.locator(".quick-input-title", { hasText: "(4/5)" }).waitFor();
  await answer(workbench, "Use Sample Images");
  await workbench.givePath("Save the Configuration", join(sample, "volume.biapy.yaml"));
  await workbench.soundConfiguration("volume.biapy.yaml");
  // It stays open: only a preview's name is in italics.
  await workbench.page
    .locator('.tab.active[data-resource-name="volume.biapy.yaml"] .monaco-icon-label:not(.italic)')
    .waitFor();
  await workbench.screenshot("6-volume");
  const volume = readFileSync(join(sample, "volume.biapy.yaml"), "utf8");
  assert.match(volume, /NDIM: 3D/);
  assert.match(volume, /PATH: sample-images\/3d\/train/);

  // It opens beside the panel, whichever was used last, and a name that is free is proposed.
  await workbench.openFile("sample.biapy.yaml");
  await workbench.command("BiaPy: Open Training Panel");
  await (await workbench.panel()).locator(".doing").click();
  writeFileSync(join(sample, "my_model.biapy.yaml"), "");
  await workbench.command("BiaPy: New Configuration…");
  await answer(workbench, "Choose a Folder");
  await workbench.givePath("Which images to train on?", join(sample, "images/train"));
  await answer(workbench, "2D", "Pretrain by Restoring", "unet");
  await workbench.page.locator(".quick-input-title", { hasText: "(5/6)" }).waitFor();
  await workbench.choose("images/test");
  await workbench.acceptSaving("my_model_2.biapy.yaml");
  await workbench.soundConfiguration("my_model_2.biapy.yaml");
  await workbench.panel();
  await workbench.screenshot("7-restoring");
  const restoring = readFileSync(join(sample, "my_model_2.biapy.yaml"), "utf8");
  assert.match(restoring, /ARCHITECTURE: unet\n/);
  assert.match(restoring, /PATH: images\/train\n/);
  assert.ok(restoring.split("\n").filter((line) => line.trim().startsWith("#")).length >= 8, restoring);
});
