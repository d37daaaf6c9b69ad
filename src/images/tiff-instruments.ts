/** TIFFs of Zeiss's and MetaMorph's own kinds. */
import { pixelSize } from "./pixel-size.ts";
import { type Directory, TAG, type TiffFile } from "./tiff-directory.ts";
import type { Page } from "./tiff-page.ts";
import { pagedPlanes, planesOf, primary, type Series, sampleAxis } from "./tiff-planes.ts";

/** Zeiss LSM: a page a slice, each with a thumbnail behind it (Zeiss, "LSM 5/7 file format", CZ_LSMINFO). */
export async function zeissSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
): Promise<Series | undefined> {
  const info = await first.directory.bytes(TAG.zeissLsm);
  if (info === undefined || info.length < 64) return undefined;
  const view = new DataView(info.buffer, info.byteOffset, info.length);
  const [z, t] = [view.getInt32(16, true), view.getInt32(24, true)];
  const pages = await primary(tiff, directories);
  if (z < 1 || t < 1 || z * t !== pages.length)
    throw tiff.error(`its LSM header promises ${z * t} planes, and the file holds ${pages.length}.`);
  const meters = (at: number) => view.getFloat64(at, true) * 1e6;
  return {
    format: "Zeiss LSM",
    shape: [t, z],
    axes: { order: `TZYX${sampleAxis(first)}`, reason: "its LSM header says so" },
    first,
    ...pagedPlanes(tiff, pages, first),
    pixelSize: pixelSize({ z: meters(56), y: meters(48), x: meters(40) }, "µm"),
    others: [],
  };
}

/** MetaMorph STK: planes behind the first page; the tag UIC2 has an entry for each. */
export async function metaMorphSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
): Promise<Series | undefined> {
  const planes = first.directory.count(TAG.metamorphPlanes);
  if (planes < 2 || directories.length > 1) return undefined;
  return {
    format: "MetaMorph STK",
    shape: [planes],
    axes: { order: `ZYX${sampleAxis(first)}`, reason: "its MetaMorph header counts planes" },
    first,
    ...(await planesOf(tiff, directories, first, planes, "its MetaMorph header")),
    others: [],
  };
}
