/** The sample images and a configuration for them, copied to where a person can change them. No `vscode` in here. */
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";

/** Name of the sample's configuration. */
const SAMPLE_CONFIGURATION = "sample.biapy.yaml";

/**
 * Copies the 2D sample images and the demo's configuration into `folder`; a configuration that is there stays as it is.
 *
 * @param extension the extension's folder
 * @param base what the configuration's paths are relative to: `folder` or one around it
 * @returns the configuration's file
 */
export async function writeSample(extension: string, folder: string, base: string): Promise<string> {
  const images = join(folder, "images");
  await mkdir(folder, { recursive: true });
  await cp(join(extension, "media", "samples", "2d"), images, { recursive: true });
  await cp(join(extension, "media", "samples", "LICENSES.md"), join(images, "LICENSES.md"));
  const demo = await readFile(join(extension, "templates", "demo.biapy.yaml"), "utf8");
  const path = relative(base, images).split(sep).join("/");
  const text = demo
    .replaceAll("media/samples/2d", path)
    .replace(/^#.*$/m, "# A masked autoencoder that a laptop trains in minutes, on images of nuclei");
  const file = join(folder, SAMPLE_CONFIGURATION);
  await writeFile(file, text, { flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  return file;
}
