/** Copies the sample images and a configuration to a folder where the user can change them. Does not use `vscode`. */

import { cp, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { createFolder } from "../../facts/files/create-folder.ts";

/** What the sample images can be trained for, with the template for it. */
const SAMPLES = {
  pretraining: {
    file: "sample.biapy.yaml",
    template: "demo.biapy.yaml",
    comment: "# A masked autoencoder that a laptop trains in minutes, on images of nuclei",
  },
  segmentation: {
    file: "segmentation.biapy.yaml",
    template: "segmentation-2d.biapy.yaml",
    comment: "# A U-Net that learns from masks which pixels are nuclei",
  },
} as const;

/** A training on the sample images. */
export type SampleTask = keyof typeof SAMPLES;

/** The folder of the sample's images and configurations. */
export const SAMPLE_FOLDER = "biapy-sample";

/** Whether a configuration is the sample's own for a task. */
export const isSample = (configuration: string, task: SampleTask): boolean =>
  basename(dirname(configuration)) === SAMPLE_FOLDER && basename(configuration) === SAMPLES[task].file;

/**
 * Copies the 2D sample images, their masks and a configuration into `folder`; an existing configuration is kept.
 *
 * @param extension the extension's folder
 * @param base the folder that the configuration's paths are relative to: `folder` or a parent
 * @returns the configuration's file
 */
export async function writeSample(
  extension: string,
  folder: string,
  base: string,
  task: SampleTask = "pretraining",
): Promise<string> {
  const sample = SAMPLES[task];
  const images = join(folder, "images");
  await createFolder(folder);
  await cp(join(extension, "media", "samples", "2d"), images, { recursive: true });
  await cp(join(extension, "media", "samples", "LICENSES.md"), join(images, "LICENSES.md"));
  const template = await readFile(join(extension, "templates", sample.template), "utf8");
  const path = relative(base, images).split(sep).join("/");
  const text = template.replaceAll("media/samples/2d", path).replace(/^#.*$/m, sample.comment);
  const file = join(folder, sample.file);
  await writeFile(file, text, { flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  return file;
}
