/** Reads TIFFs of tifffile: a header holds the array's shape and, optionally, its axes. */

import { asObject, asText } from "../facts/json.ts";
import { type Axes, namedAxes, unknownAxes } from "./axes.ts";
import type { Directory, TiffFile } from "./tiff-directory.ts";
import type { Page } from "./tiff-page.ts";
import { centimeters, planeCount, planesOf, type Series, sampleAxis } from "./tiff-planes.ts";

/** Names the header in reasons and errors. */
const SOURCE = "its header (tifffile's)";

/** Reads the series that a tifffile header describes: JSON, or `shape=(…)` from older versions. Undefined without one. */
export async function shapedSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
  description: string,
): Promise<Series | undefined> {
  const told = shapedDescription(description);
  if (told === undefined) return undefined;
  const { shape, axes } = told;
  const { samples, separate, height, width } = first;
  const end = [
    ...(samples > 1 && separate ? [samples] : []),
    height,
    width,
    ...(samples > 1 && !separate ? [samples] : []),
  ];
  const start = shape.length - end.length;
  if (start < 0 || end.some((size, axis) => shape[start + axis] !== size)) return undefined;
  const planes = shape.slice(0, start);
  const own: Directory[] = [first.directory];
  const others: string[] = [];
  for (const [index, directory] of directories.slice(1).entries()) {
    if (own.length < planeCount(planes) && others.length === 0) own.push(directory);
    else others.push(`page ${index + 2}`);
  }
  return {
    format: "TIFF",
    shape: planes,
    axes: shapedAxes(first, planes.length, axes),
    first,
    ...(await planesOf(tiff, told.truncated ? own.slice(0, 1) : own, first, planeCount(planes), SOURCE)),
    pixelSize: await centimeters(first),
    others,
  };
}

/** Returns the axes of a shaped series in the order in which its array is read: samples last. */
function shapedAxes(first: Page, planes: number, axes: string | undefined): Axes | undefined {
  const end = `YX${sampleAxis(first)}`;
  if (axes === undefined) {
    if (planes > 1) return undefined;
    return {
      order: `${planes === 1 ? "Z" : ""}${end}`,
      reason: planes === 1 ? "pages are z-slices" : "it is a plane",
    };
  }
  const separate = first.samples > 1 && first.separate ? 1 : 0;
  const rows = planes + separate;
  const order = axes.slice(0, planes) + axes.slice(rows, rows + 2) + sampleAxis(first);
  // Other letters stand for a sequence of planes.
  const known = [...order].map((letter) => (/[TZCYXS]/.test(letter) || order.includes("Z") ? letter : "Z"));
  return namedAxes(known, SOURCE) ?? unknownAxes(known, `${SOURCE} names`);
}

function shapedDescription(
  description: string,
): { shape: number[]; axes?: string; truncated: boolean } | undefined {
  const old = /^shape=\(([\d, ]+)\)/.exec(description)?.[1];
  if (old !== undefined) return { shape: (old.match(/\d+/g) ?? []).map(Number), truncated: false };
  if (!description.startsWith("{")) return undefined;
  try {
    const told = asObject(JSON.parse(description));
    if (!Array.isArray(told.shape)) return undefined;
    const shape = told.shape.map(Number);
    const axes = asText(told.axes)?.toUpperCase();
    return {
      shape,
      axes: axes?.length === shape.length ? axes : undefined,
      truncated: told.truncated === true,
    };
  } catch {
    return undefined;
  }
}
