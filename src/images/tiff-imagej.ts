/** Reads TIFFs of ImageJ and Fiji: hyperstacks, and stacks of over 4 GB after a single page. */
import { entryOf } from "../facts/checked-lists.ts";
import type { PixelSize } from "./image.ts";
import { pixelSize } from "./pixel-size.ts";
import { type Directory, TAG, type TiffFile } from "./tiff-directory.ts";
import type { Page } from "./tiff-page.ts";
import { planeCount, planesOf, primary, type Series, sampleAxis } from "./tiff-planes.ts";

/** Reads ImageJ's header: `images`, `channels`, `slices`, `frames` and `order` (default: `czt`, channels vary fastest). */
export async function imageJSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
  description: string,
): Promise<Series | undefined> {
  if (!description.startsWith("ImageJ=")) return undefined;
  const text = (name: string) => property(description, name);
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
  const shape = axes.map((axis) => entryOf(sizes, axis));
  return {
    format: "ImageJ TIFF",
    shape,
    axes: {
      order: `${axes.join("").toUpperCase()}YX${sampleAxis(first)}`,
      reason: "its ImageJ header says so",
    },
    first,
    ...(await planesOf(tiff, pages, first, planeCount(shape), "its ImageJ header")),
    pixelSize: await imageJPixelSize(first, description),
    others: [],
  };
}

const property = (description: string, name: string): string | undefined =>
  new RegExp(`^${name}=(.*)$`, "m").exec(description)?.[1]?.trim();

/** Returns the pixel size from the ImageJ header and the resolution tags. */
export async function imageJPixelSize(
  { directory }: Page,
  description: string,
): Promise<PixelSize | undefined> {
  const perUnit = async (tag: number) => {
    const found = await directory.number(tag);
    return found === undefined ? undefined : 1 / found;
  };
  const spacing = property(description, "spacing");
  return pixelSize(
    {
      z: spacing === undefined ? undefined : Math.abs(Number(spacing)),
      y: await perUnit(TAG.yResolution),
      x: await perUnit(TAG.xResolution),
    },
    property(description, "unit"),
  );
}
