/** Decides which pages of a TIFF form its image: by the metadata of tifffile, Zeiss, OME, ImageJ and other writers, else all alike pages. */

import { at } from "../facts/checked-lists.ts";
import { pixelSize } from "./pixel-size.ts";
import type { Directory, TiffFile } from "./tiff-directory.ts";
import { imageJPixelSize, imageJSeries } from "./tiff-imagej.ts";
import {
  fluoViewSeries,
  metaMorphSeries,
  olympusSeries,
  perkinElmerSeries,
  refuseInstruments,
  scanImageSeries,
  zeissSeries,
} from "./tiff-instruments.ts";
import { microManagerSeries, ndTiffSeries } from "./tiff-micro-manager.ts";
import { omeSeries } from "./tiff-ome.ts";
import { difference, KIND_TAGS, type Page, readPage } from "./tiff-page.ts";
import { centimeters, pagedPlanes, primary, type Series, sampleAxis } from "./tiff-planes.ts";
import { shapedSeries } from "./tiff-shaped.ts";

export async function readSeries(tiff: TiffFile): Promise<Series> {
  const directories = await tiff.directories();
  const first = await readPage(tiff, at(directories, 0));
  const descriptions = await first.directory.descriptionTexts();
  const described = async (read: typeof shapedSeries): Promise<Series | undefined> => {
    for (const description of descriptions) {
      const series = await read(tiff, directories, first, description);
      if (series !== undefined) return series;
    }
    return undefined;
  };
  await refuseInstruments(tiff, first, descriptions[0] ?? "");
  return (
    (await described(shapedSeries)) ??
    (await zeissSeries(tiff, directories, first)) ??
    (await withImageJSize(await described(omeSeries), first, descriptions)) ??
    (await described(imageJSeries)) ??
    (await fluoViewSeries(tiff, directories, first)) ??
    (await olympusSeries(tiff, directories, first)) ??
    (await ndTiffSeries(tiff, directories, first)) ??
    (await microManagerSeries(tiff, directories, first)) ??
    (await metaMorphSeries(tiff, directories, first)) ??
    (await perkinElmerSeries(tiff, directories, first)) ??
    (await scanImageSeries(tiff, directories, first)) ??
    plainSeries(tiff, directories, first, descriptions[0] ?? "")
  );
}

/** Adds the pixel size of ImageJ's header, which some OME-TIFFs have too (this program's do). It supports units that OME does not. */
async function withImageJSize(
  series: Series | undefined,
  first: Page,
  descriptions: readonly string[],
): Promise<Series | undefined> {
  const header = descriptions.find((description) => description.startsWith("ImageJ="));
  if (series === undefined || series.pixelSize !== undefined || header === undefined) return series;
  return { ...series, pixelSize: await imageJPixelSize(first, header) };
}

/** Reads pages without metadata as z-slices. Later pages of at most half the size are smaller copies. */
async function plainSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  described: Page,
  description: string,
): Promise<Series> {
  const pages = await primary(tiff, directories);
  const start = at(pages, 0);
  const first = start === described.directory ? described : await readPage(tiff, start);
  const others: string[] = [];
  const slide = description.startsWith("Aperio");
  const micrometers = slide ? Number(/\bMPP\s*=\s*([\d.]+)/.exec(description)?.[1]) : Number.NaN;
  const planes = [start];
  for (const [index, directory] of pages.slice(1).entries()) {
    // Most pages of a stack are alike; comparing a few tags avoids reading them in full.
    const alike = directory.agrees(first.directory, KIND_TAGS);
    const page = alike ? first : await readPage(tiff, directory);
    const fault = difference(page, index + 2, first);
    const smaller = 2 * page.width <= first.width + 1 && 2 * page.height <= first.height + 1;
    // The focal planes of a slide lie between its smaller copies.
    if (fault === undefined && (slide || others.length === 0)) planes.push(directory);
    else if (slide || smaller) others.push(`page ${index + 2} (${page.height} x ${page.width})`);
    else
      throw tiff.error(
        fault ?? `page ${index + 2} comes after smaller pages: which pages make the image is not known.`,
      );
  }
  const stack = planes.length > 1;
  return {
    format: "TIFF",
    shape: stack ? [planes.length] : [],
    axes: {
      order: `${stack ? "Z" : ""}YX${sampleAxis(first)}`,
      reason: stack ? "pages are z-slices" : "it is a plane",
    },
    first,
    ...pagedPlanes(tiff, planes, first),
    pixelSize: pixelSize({ y: micrometers, x: micrometers }, "µm") ?? (await centimeters(first)),
    others,
  };
}
