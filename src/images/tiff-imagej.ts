/** Reads TIFFs of ImageJ and Fiji: hyperstacks, and stacks of over 4 GB after a single page. */
import { entryOf } from "../facts/checked-lists.ts";
import type { PixelSize } from "./image.ts";
import { mixedPixelSize } from "./pixel-size.ts";
import { type Directory, TAG, type TiffFile } from "./tiff-directory.ts";
import type { Page } from "./tiff-page.ts";
import { CENTIMETER, planeCount, planesOf, primary, type Series, sampleAxis } from "./tiff-planes.ts";

/** Reads the header of ImageJ, or SCIFIO's, which follows it: `images`, `channels`, `slices`, `frames` and `order` (default: `czt`, channels vary fastest). */
export async function imageJSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
  description: string,
): Promise<Series | undefined> {
  const scifio = description.startsWith("SCIFIO=");
  if (!description.startsWith("ImageJ=") && !scifio) return undefined;
  const header = scifio ? "its SCIFIO header" : "its ImageJ header";
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
      `${header} does not say how many slices and channels its ${images} planes are. Save it again in Fiji.`,
    );
  if (images === pages.length && images > channels * slices * frames)
    throw tiff.error(
      `${header} tells of ${channels} channels, ${slices} slices and ${frames} time points, and of ${images} planes. Save it again in Fiji.`,
    );
  if (pages.length > channels * slices * frames)
    throw tiff.error(
      `${header} promises ${channels * slices * frames} planes, and the file holds ${pages.length}. Save it again in Fiji.`,
    );
  if (scifio && !followsImageJ(text("axes"), sizes))
    throw tiff.error(
      `${header} names the axes ${text("axes")}, whose order ImageJ does not follow. Save it again in Fiji.`,
    );
  const order = (text("order") ?? "czt").toLowerCase();
  const letters = /^(?=.*c)(?=.*z)(?=.*t)[czt]{3}$/.test(order)
    ? order
    : order === "default"
      ? "czt"
      : undefined;
  if (letters === undefined) throw tiff.error(`${header} has an unknown order of planes, ${order}.`);
  const axes = [...letters].reverse();
  const shape = axes.map((axis) => entryOf(sizes, axis));
  return {
    format: "ImageJ TIFF",
    shape,
    axes: {
      order: `${axes.join("").toUpperCase()}YX${sampleAxis(first)}`,
      reason: `${header} says so`,
    },
    first,
    ...(await planesOf(tiff, pages, first, planeCount(shape), header)),
    pixelSize: await imageJPixelSize(first, description),
    others: [],
  };
}

/** Whether SCIFIO's axes (`X,Y,Channel,Z,Time`) have ImageJ's order, without axes of one entry. */
function followsImageJ(axes: string | undefined, sizes: Readonly<Record<string, number>>): boolean {
  const letters = (axes ?? "").split(",").map((name) => SCIFIO_AXES[name.trim()] ?? "");
  const several = (letter: string) => (sizes[letter] ?? 1) > 1;
  return letters.filter(several).join("") === ["c", "z", "t"].filter(several).join("");
}

const SCIFIO_AXES: Readonly<Record<string, string>> = { Channel: "c", Z: "z", Time: "t" };

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
  // Without a unit in the header, ImageJ takes the one of the resolution tags. Inches are left out: they describe a printer.
  const inCentimeters = (await directory.number(TAG.resolutionUnit)) === CENTIMETER;
  const unit = unitOf(description, "unit") ?? (inCentimeters ? "cm" : undefined);
  const z = spacing === undefined ? undefined : Math.abs(Number(spacing));
  return mixedPixelSize({
    z: { value: z, unit: unitOf(description, "zunit") ?? unit },
    y: { value: await perUnit(TAG.yResolution), unit: unitOf(description, "yunit") ?? unit },
    x: { value: await perUnit(TAG.xResolution), unit },
  });
}

/** Returns a unit of the header, where ImageJ writes other characters than ASCII as `\u00b5`. */
const unitOf = (description: string, name: string): string | undefined =>
  property(description, name)?.replace(/\\u([\da-f]{4})/gi, (_, code) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
