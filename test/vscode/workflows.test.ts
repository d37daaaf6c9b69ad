/** Each workflow in the editor: what the panel shows of it, what its encoder has learned, and whether pretraining pays. */
import assert from "node:assert/strict";
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { tinyDenoising, tinyRestoration, tinySegmentation } from "./configurations.ts";
import { sampleWindow } from "./sample-window.ts";
import { TRAINED, type Workbench } from "./workbench.ts";

const scenario = sampleWindow(
  {
    "segment.biapy.yaml": tinySegmentation(6),
    "denoise.biapy.yaml": tinyDenoising(4),
    "restore.biapy.yaml": tinyRestoration(4),
    "few.biapy.yaml": tinySegmentation(1, "few"),
  },
  {
    prepare: (folder) => {
      for (const kind of ["train", "train-masks"])
        cpSync(join(folder, "2d", kind, "nuclei-01.tif"), join(folder, "few", kind, "nuclei-01.tif"));
    },
  },
);

/** Trains a configuration to its end. Returns the panel's images. */
async function trained(workbench: Workbench, name: string, tab: string) {
  await workbench.openFile(name);
  await workbench.train();
  const panel = await workbench.runStatus(/Finished/);
  const images = panel.getByRole("region", { name: "Images" });
  await images.getByRole("tab", { name: tab }).click();
  await images.getByRole("img", { name: "Original," }).scrollIntoViewIfNeeded();
  return images;
}

scenario(
  "a segmentation shows image, prediction, ground truth, and where it is wrong",
  async ({ workbench }) => {
    const images = await trained(workbench, "segment.biapy.yaml", "Segmentations");
    for (const role of ["Original", "Prediction", "Ground truth"])
      await images.getByRole("img", { name: `${role},` }).waitFor();
    await images
      .getByRole("img", { name: /^Errors.*orange: false positive, blue: false negative/ })
      .waitFor();
    await workbench.screenshot("1-segmentation");
  },
);

scenario("a denoised image stands beside the noisy one", async ({ workbench }) => {
  const images = await trained(workbench, "denoise.biapy.yaml", "Predictions");
  await images.getByRole("img", { name: "Prediction," }).waitFor();
  await workbench.screenshot("2-denoising");
});

scenario("a restored image stands beside its degraded copy", async ({ workbench, folder }) => {
  const images = await trained(workbench, "restore.biapy.yaml", "Predictions");
  for (const role of ["Masked", "Prediction"]) await images.getByRole("img", { name: `${role},` }).waitFor();
  await workbench.screenshot("3-restoration");
  assert.ok(existsSync(join(folder, "results/restore/checkpoints/restore_1-checkpoint-best.pth")));
});

scenario("an encoder's features are shown, and a click finds similar places", async ({ workbench }) => {
  await workbench.command("BiaPy: Show Features…");
  await workbench.choose("restore, run 1");
  await workbench.choose("Colors over each test image");
  await workbench.entries.filter({ hasText: "nuclei-01.tif" }).waitFor({ timeout: TRAINED });
  await workbench.choose("nuclei-01.tif");
  const viewer = await workbench.viewer("Features,");
  const features = viewer.getByRole("img", { name: "Features," });
  await features.click();
  await viewer.getByRole("region", { name: "Most similar places" }).getByRole("listitem").first().waitFor();
  await viewer.getByRole("img", { name: /^Similarity to the place/ }).waitFor();
  await workbench.screenshot("4-features");
});

scenario("a study of pretraining is trained through the queue, and drawn", async ({ workbench, folder }) => {
  await workbench.openFile("few.biapy.yaml");
  await workbench.command("BiaPy: Compare Pretrained and From Scratch…");
  await workbench.choose("restore, run 1");
  await workbench.answer("How many labeled images", "1");
  await workbench.answer("How many seeds", "2");
  const question = workbench.page.getByRole("dialog", { name: /This comparison needs 4 trainings/ });
  await question.getByRole("button", { name: "Queue Trainings" }).click();
  await workbench.command("BiaPy: Show Results");
  await workbench.result("few_label_study, run 4").waitFor();
  await workbench.screenshot("5-study-queued");
  const drawn = workbench.page.locator(".notification-toast", { hasText: /1 labeled image: IoU pretrained/ });
  await drawn.waitFor({ timeout: 3 * TRAINED });
  const made = join(folder, "results/few_label_study/label_study");
  for (const name of ["label_study.csv", "label_study.png"]) assert.ok(existsSync(join(made, name)), name);
  await workbench.screenshot("6-study-drawn");
});
