/** Writing a configuration: completion, hover, diagnostics and their quick fixes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sampleWindow } from "./sample-window.ts";
import { until, type Workbench } from "./workbench.ts";

const CONFIGURATION = `PROBLEM:
    TYPE: SELF_SUPERVISED
    NDIM: 2D
    SELF_SUPERVISED:
        PRETEXT_TASK: masking
DATA:
    PATCH_SIZE: (64,64,1)
    TRAIN:
        PATH: 2d/train
MODEL:
    ARCHITECTURE: mae
    VIT_TOKEN_SIZE: 8
TRAIN:
    ENABLE: True
    BATCH_SIZE: 4
`;

const scenario = sampleWindow({
  "typed.biapy.yaml": "",
  "whole.biapy.yaml": CONFIGURATION,
  "misspelt.biapy.yaml": CONFIGURATION.replace("PATCH_SIZE", "PATCH_SIZES"),
  "contradictory.biapy.yaml": CONFIGURATION.replace("ARCHITECTURE: mae", "ARCHITECTURE: unet"),
  "values.biapy.yaml": "PROBLEM:\n    TYPE: ",
  "section.biapy.yaml": "DATA:\n    TRAIN:\n        ",
  "near.biapy.yaml": CONFIGURATION.replace("BATCH_SIZE: 4", "OPTIMIZER: ADAMM"),
  "folder.biapy.yaml": CONFIGURATION.replace("2d/train", "2d/trian"),
  "by-content.yaml": CONFIGURATION,
});

function read(folder: string, name: string): string {
  return readFileSync(join(folder, name), "utf8");
}

scenario("keys and values are completed as they are typed", async ({ workbench, folder }) => {
  const { keyboard } = workbench.page;
  await workbench.openFile("typed.biapy.yaml");
  await workbench.focusEditor();
  await keyboard.type("PROB");
  await workbench.takeOffer("PROBLEM");
  await keyboard.type("TY");
  await workbench.takeOffer("TYPE");
  await keyboard.type("SELF");
  await workbench.screenshot("values");
  await workbench.takeOffer("SELF_SUPERVISED");
  await keyboard.press("Enter");
  await keyboard.press("Shift+Home");
  await keyboard.press("Delete");
  // A key deep in the tree brings its sections with it.
  await keyboard.type("PATCH_SI");
  await workbench.screenshot("nested");
  await workbench.takeOffer("DATA.PATCH_SIZE");
  await keyboard.type("(64,64,1)");
  await keyboard.press("Enter");
  await keyboard.type("TRAI");
  await workbench.takeOffer("TRAIN");
  await keyboard.type("PAT");
  await workbench.takeOffer("PATH");
  await keyboard.type("2d/train");
  await keyboard.press("Enter");
  await keyboard.press("Shift+Home");
  await keyboard.press("Delete");
  await keyboard.type("EPO");
  await workbench.takeOffer("TRAIN.EPOCHS");
  await keyboard.type("10");
  await keyboard.press("Escape");
  await workbench.screenshot("typed");
  await workbench.save();
  assert.equal(
    read(folder, "typed.biapy.yaml").trimEnd(),
    "PROBLEM:\n    TYPE: SELF_SUPERVISED\nDATA:\n    PATCH_SIZE: (64,64,1)\n    TRAIN:\n        PATH: 2d/train\nTRAIN:\n    EPOCHS: 10",
  );
});

/** What is offered at the cursor, from the top. */
async function offers({ page }: Workbench): Promise<string[]> {
  const rows = page.locator(".suggest-widget.visible .monaco-list-row");
  await rows.first().waitFor();
  return rows.evaluateAll((found) => found.map((row) => row.getAttribute("aria-label") ?? ""));
}

scenario("values that the engine trains come first, and others say what they need", async ({ workbench }) => {
  const { keyboard } = workbench.page;
  await workbench.openFile("values.biapy.yaml");
  await workbench.focusEditor();
  await keyboard.press("Control+End");
  await keyboard.press("Control+Space");
  const needing = await until(async () => {
    const found = await offers(workbench);
    return found.length > 4 ? found.map((each) => each.includes("needs BiaPy")) : undefined;
  }, "the kinds of problems");
  assert.deepEqual(needing.slice(0, 4), [false, false, false, true]);
  await workbench.screenshot("engine-values");
  await keyboard.press("Escape");
});

scenario(
  "the likeliest key and folder come first, and Enter after a section indents",
  async ({ workbench, folder }) => {
    const { page } = workbench;
    const { keyboard } = page;
    await workbench.openFile("section.biapy.yaml");
    await workbench.focusEditor();
    await keyboard.press("Control+End");
    await keyboard.type("PA");
    await until(async () => (await offers(workbench))[0]?.startsWith("PATH,") || undefined, "PATH first");
    await workbench.screenshot("path-first");
    await keyboard.press("Enter");
    await until(
      async () => (await offers(workbench))[0]?.startsWith("2d/train,") || undefined,
      "2d/train first",
    );
    await keyboard.press("Enter");
    await workbench.save();
    assert.equal(read(folder, "section.biapy.yaml"), "DATA:\n    TRAIN:\n        PATH: 2d/train");
    await keyboard.press("Enter");
    await keyboard.press("Shift+Home");
    await keyboard.press("Delete");
    await keyboard.type("MODEL:");
    await keyboard.press("Escape");
    await keyboard.press("Enter");
    await page.locator(".statusbar-item", { hasText: /Ln 5, Col 5/ }).waitFor();
  },
);

scenario(
  "a misspelt name has all near fixes, and a misspelt folder its own",
  async ({ workbench, folder }) => {
    await workbench.openFile("near.biapy.yaml");
    await workbench.editor.locator(".squiggly-error").first().waitFor();
    await workbench.select("ADAMM");
    const fixes = await workbench.quickFixes();
    assert.deepEqual((await fixes.allTextContents()).slice(0, 2), ["Change to ADAM", "Change to ADAMW"]);
    await workbench.screenshot("near-fixes");
    await workbench.page.keyboard.press("Escape");
    await workbench.openFile("folder.biapy.yaml");
    await workbench.editor.locator(".squiggly-error").first().waitFor();
    await workbench.select("trian");
    await workbench.quickFix("Change to 2d/train");
    await workbench.save();
    assert.equal(read(folder, "folder.biapy.yaml"), CONFIGURATION);
  },
);

scenario("hovering over the patch size explains it and estimates memory", async ({ workbench }) => {
  const { page } = workbench;
  await workbench.openFile("whole.biapy.yaml");
  const key = workbench.editor.locator(".view-line span", { hasText: /^PATCH_SIZE$/ }).first();
  const explained = page.locator(".monaco-hover:not(.hidden)", { hasText: "MB" });
  // Lines that move, as when the buttons above the configuration come, leave the pointer behind.
  await until(async () => {
    await page.mouse.move(0, 0);
    await key.hover();
    await explained.waitFor({ timeout: 5000 });
    return true;
  }, "the explanation");
  await workbench.screenshot("hover");
});

scenario("a misspelt key is underlined, explained and changed", async ({ workbench, folder }) => {
  const { page } = workbench;
  await workbench.openFile("misspelt.biapy.yaml");
  await workbench.editor.locator(".squiggly-error, .squiggly-warning").first().waitFor();
  await workbench.command("Problems: Focus on Problems View");
  await page.locator(".markers-panel", { hasText: "Did you mean" }).waitFor();
  await workbench.screenshot("problems");
  await workbench.select("PATCH_SIZES");
  await workbench.quickFix("Change to PATCH_SIZE");
  await workbench.save();
  assert.equal(read(folder, "misspelt.biapy.yaml"), CONFIGURATION);
});

scenario("a task that the architecture cannot do is mended", async ({ workbench, folder }) => {
  await workbench.openFile("contradictory.biapy.yaml");
  await workbench.editor.locator(".squiggly-error").first().waitFor();
  await workbench.select("unet");
  await workbench.quickFixes();
  await workbench.screenshot("quick-fix");
  await workbench.page.keyboard.press("Escape");
  await workbench.quickFix("Change to mae");
  await workbench.save();
  assert.equal(read(folder, "contradictory.biapy.yaml"), CONFIGURATION);
});

scenario("a configuration is recognized by what is in it", async ({ workbench }) => {
  await workbench.openFile("by-content.yaml");
  await workbench.page.locator(".statusbar-item", { hasText: "BiaPy configuration" }).waitFor();
});
