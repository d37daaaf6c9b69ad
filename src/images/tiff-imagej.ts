/** TIFFs that ImageJ and Fiji wrote: hyperstacks, and stacks of over 4 GB behind a single page. */
import { pixelSize } from "./pixel-size.ts";
import { type Directory, TAG, type TiffFile } from "./tiff-directory.ts";
import type { Page } from "./tiff-page.ts";
import { planeCount, planesOf, primary, type Series, sampleAxis } from "./tiff-planes.ts";

/** ImageJ's header: `images`, `channels`, `slices`, `frames`, and `order` (`czt` unless it is written: channels vary fastest). */
export async function imageJSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
  description: string,
): Promise<Series | undefined> {
  if (!description.startsWith("ImageJ=")) return undefined;
  const text = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(description)?.[1].trim();
  const value = (name: string, otherwise: number) => Number(text(name) ?? otherwise);
  const pages = await primary(tiff, directories);
  const [images, frames] = [value("images", 1), value("frames", 1)];
  let channels = value("channels", 1);
  const [few, many] = [value("slices", 1), images / channels / frames];
  let slices = text("slices") === undefined ? many : few;
  // Bio-Formats counts the samples of a pixel as channels.
  if (first.samples > 1 && channels === first.samples && channels * slices * frames > pages.length) {
    channels = 1;
    slices = text("slices") === undefined ? images / frames : few;
  }
  if (images === 1 && channels * slices * frames === 1 && pages.length > 1) slices = pages.length;
  const sizes: Readonly<Record<string, number>> = { c: channels, z: slices, t: frames };
  if (Object.values(sizes).some((size) => !Number.isInteger(size) || size < 1))
    throw tiff.error(
      `its ImageJ header does not say how many slices and channels its ${images} planes are. Save it again in Fiji.`,
    );
  const order = (text("order") ?? "czt").toLowerCase();
  const letters = /^(?=.*c)(?=.*z)(?=.*t)[czt]{3}$/.test(order)
    ? order
    : order === "default"
      ? "czt"
      : undefined;
  if (letters === undefined) throw tiff.error(`its ImageJ header has an unknown order of planes, ${order}.`);
  const axes = [...letters].reverse();
  const shape = axes.map((axis) => sizes[axis]);
  const perUnit = async (tag: number) => {
    const found = await first.directory.number(tag);
    return found === undefined ? undefined : 1 / found;
  };
  return {
    format: "ImageJ TIFF",
    shape,
    axes: {
      order: `${axes.join("").toUpperCase()}YX${sampleAxis(first)}`,
      reason: "its ImageJ header says so",
    },
    first,
    ...(await planesOf(tiff, pages, first, planeCount(shape), "its ImageJ header")),
    pixelSize: pixelSize(
      {
        z: text("spacing") === undefined ? undefined : Math.abs(value("spacing", 1)),
        y: await perUnit(TAG.yResolution),
        x: await perUnit(TAG.xResolution),
      },
      text("unit"),
    ),
    others: [],
  };
}
