/** TIFFs of instruments that do not write OME-XML: Zeiss, MetaMorph, Olympus, ScanImage, PerkinElmer. */
import { pixelSize } from "./pixel-size.ts";
import { COMPRESSION } from "./tiff-compressions.ts";
import { type Directory, TAG, type TiffFile } from "./tiff-directory.ts";
import type { Page } from "./tiff-page.ts";
import {
  centimeters,
  pagedPlanes,
  planeCount,
  planesOf,
  primary,
  type Series,
  sampleAxis,
} from "./tiff-planes.ts";

/** Zeiss LSM: a page a slice, each with a thumbnail behind it (Zeiss, "LSM 5/7 file format", CZ_LSMINFO). */
export async function zeissSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
): Promise<Series | undefined> {
  const info = await first.directory.bytes(TAG.zeissLsm);
  if (info === undefined || info.length < 64) return undefined;
  if (tiff.bytes.size > 2 ** 32)
    throw tiff.error("is an LSM of more than 4 GB, which is not read. Convert it to OME-TIFF.");
  const view = new DataView(info.buffer, info.byteOffset, info.length);
  const [z, t] = [view.getInt32(16, true), view.getInt32(24, true)];
  const pages = await primary(tiff, directories);
  if (z < 1 || t < 1 || z * t !== pages.length)
    throw tiff.error(`its LSM header promises ${z * t} planes, and the file holds ${pages.length}.`);
  const planes = pagedPlanes(tiff, pages, first);
  const meters = (at: number) => view.getFloat64(at, true) * 1e6;
  return {
    format: "Zeiss LSM",
    shape: [t, z],
    axes: { order: `TZYX${sampleAxis(first)}`, reason: "its LSM header says so" },
    first: withoutPredictor(first),
    check: planes.check,
    plane: async (index) => ({ page: withoutPredictor((await planes.plane(index)).page) }),
    pixelSize: pixelSize({ z: meters(56), y: meters(48), x: meters(40) }, "µm"),
    others: [],
  };
}

/** Zeiss' software names a predictor on pages without compression, which it does not use. */
const withoutPredictor = (page: Page): Page =>
  page.compression === COMPRESSION.none ? { ...page, predictor: 1 } : page;

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

/** FluoView's names of axes beyond x and y. */
const FLUOVIEW_AXES: Readonly<Record<string, string>> = {
  Z: "Z",
  T: "T",
  TIME: "T",
  CH: "C",
  WAVELENGTH: "C",
};
/** Where MM_Header lists its ten axes, and what each takes: a name of 16 bytes, a size, and numbers that are not needed. */
const [FLUOVIEW_START, FLUOVIEW_BYTES, FLUOVIEW_COUNT] = [284, 100, 10];

/** Olympus FluoView: its header lists the axes, the one that varies fastest first (x, y, then those of the pages). */
export async function fluoViewSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
): Promise<Series | undefined> {
  const header = await first.directory.bytes(TAG.fluoView);
  if (header === undefined) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const axes: { letter: string; size: number }[] = [];
  for (let axis = 0; axis < FLUOVIEW_COUNT; axis++) {
    const at = FLUOVIEW_START + axis * FLUOVIEW_BYTES;
    if (at + FLUOVIEW_BYTES > header.length) break;
    const [name = ""] = Buffer.from(header.subarray(at, at + 16))
      .toString("latin1")
      .split("\0");
    const size = view.getInt32(at + 16, tiff.littleEndian);
    if (name.trim() === "" || size < 2 || /^[xy]$/i.test(name.trim())) continue;
    axes.push({ letter: FLUOVIEW_AXES[name.trim().toUpperCase()] ?? name.trim(), size });
  }
  axes.reverse();
  const pages = await primary(tiff, directories);
  const letters = axes.map(({ letter }) => letter);
  const shape = axes.map(({ size }) => size);
  if (planeCount(shape) !== pages.length || letters.some((letter) => !/^[ZTC]$/.test(letter)))
    throw tiff.error(
      `its FluoView header tells of ${letters.map((letter, axis) => `${letter} ${shape[axis]}`).join(", ") || "no axes"}, which do not fit its ${pages.length} pages. Save it as OME-TIFF.`,
    );
  return {
    format: "Olympus FluoView TIFF",
    shape,
    axes: { order: `${letters.join("")}YX${sampleAxis(first)}`, reason: "its FluoView header says so" },
    first,
    ...pagedPlanes(tiff, pages, first),
    others: [],
  };
}

/** Olympus's names of axes in the section `[Dimension]`, the slowest first. */
const OLYMPUS_AXES: Readonly<Record<string, string>> = { Z: "Z", Time: "T", Band: "C" };

/** Olympus SIS (cellSens): a text names the axes of its pages. A single page needs none. */
export async function olympusSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
): Promise<Series | undefined> {
  const { directory } = first;
  if (!directory.has(TAG.olympus) && !directory.has(TAG.olympusText)) return undefined;
  const pages = await primary(tiff, directories);
  if (pages.length === 1) return undefined;
  const text = Buffer.from((await directory.bytes(TAG.olympusText)) ?? []).toString("latin1");
  const section = /^\[Dimension\]\s*$([^[]*)/m.exec(text)?.[1] ?? "";
  const axes = [...section.matchAll(/^\s*(\w+)\s*=\s*(\d+)/gm)]
    .map(([, name = "", size]) => ({ name, size: Number(size) }))
    .filter(({ size }) => size > 1);
  const letters = axes.map(({ name }) => OLYMPUS_AXES[name] ?? "");
  const shape = axes.map(({ size }) => size);
  if (letters.includes("") || planeCount(shape) !== pages.length)
    throw tiff.error(
      `its Olympus header tells of ${axes.map(({ name, size }) => `${name} ${size}`).join(", ") || "no axes"}, which do not fit its ${pages.length} pages. Save it as OME-TIFF.`,
    );
  return {
    format: "Olympus SIS TIFF",
    shape,
    axes: { order: `${letters.join("")}YX${sampleAxis(first)}`, reason: "its Olympus header says so" },
    first,
    ...pagedPlanes(tiff, pages, first),
    others: [],
  };
}

/**
 * ScanImage: channels of a frame are pages, one behind the other
 * (https://docs.scanimage.org/Appendix/ScanImage+BigTiff+Specification.html). Before 2016 its header was the description.
 */
export async function scanImageSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
): Promise<Series | undefined> {
  const [description = ""] = await first.directory.descriptionTexts();
  const header = [await first.directory.text(TAG.software), description].find((text) =>
    /^(?:SI\.|scanimage\.SI\d?\.|state\.)\w+/m.test(text),
  );
  if (header === undefined) return undefined;
  const value = (names: string) =>
    new RegExp(`^(?:scanimage\\.)?(?:${names})\\s*=\\s*(.*?)\\s*$`, "m").exec(header)?.[1];
  const saved = value(String.raw`SI\.hChannels\.channelSave|SI[45]\.channelsSave`);
  const channels = Number(
    value(String.raw`state\.acq\.numberOfChannelsSave`) ?? Math.max(1, saved?.match(/\d+/g)?.length ?? 1),
  );
  const stacked = !["false", "0"].includes(value(String.raw`SI\.hStackManager\.enable`) ?? "");
  const told = value(
    String.raw`SI\.hStackManager\.numSlices|SI[45]\.stackNumSlices|state\.acq\.numberOfZSlices`,
  );
  const slices = stacked ? Number(told ?? 1) : 1;
  const pages = await primary(tiff, directories);
  const frames = pages.length / channels;
  const times = slices > 1 ? frames / slices : frames;
  if (!Number.isInteger(frames) || !Number.isInteger(times))
    throw tiff.error(
      `its ScanImage header tells of ${channels} channels and ${slices} slices, which do not fit its ${pages.length} pages.`,
    );
  return {
    format: "ScanImage TIFF",
    shape: [times, Math.max(slices, 1), channels],
    axes: { order: `TZCYX${sampleAxis(first)}`, reason: "its ScanImage header says so" },
    first,
    ...pagedPlanes(tiff, pages, first),
    others: [],
  };
}

/** PerkinElmer QPTIFF: the first pages of full size are channels; a thumbnail, levels and overviews follow. */
export async function perkinElmerSeries(
  tiff: TiffFile,
  directories: readonly Directory[],
  first: Page,
): Promise<Series | undefined> {
  if (!(await first.directory.text(TAG.software)).startsWith("PerkinElmer-QPI")) return undefined;
  const channels: Directory[] = [];
  for (const directory of directories) {
    const kind = /<ImageType>\s*(\w+)/.exec(await directory.text(TAG.description))?.[1];
    if (kind !== "FullResolution") break;
    channels.push(directory);
  }
  if (channels.length === 0) throw tiff.error("its PerkinElmer header names no image of full resolution.");
  return {
    format: "PerkinElmer QPTIFF",
    shape: [channels.length],
    axes: { order: `CYX${sampleAxis(first)}`, reason: "its PerkinElmer header says so" },
    first,
    ...pagedPlanes(tiff, channels, first),
    pixelSize: await centimeters(first),
    others: directories.slice(channels.length).map((_, index) => `page ${channels.length + index + 1}`),
  };
}

/** Throws for instruments' files whose pages are not what TIFF says they are. */
export async function refuseInstruments(tiff: TiffFile, first: Page, description: string): Promise<void> {
  if (description.includes("http://www.leica-microsystems.com/scn/"))
    throw tiff.error(
      "is a Leica SCN slide, which holds several images. Convert the one that you want to OME-TIFF.",
    );
  const xmp = Buffer.from((await first.directory.bytes(TAG.xmp)) ?? []).toString("latin1");
  if (xmp.includes("<iScan") || /^(?:Label[ _]Image|Probability_Image)$/.test(description.trim()))
    throw tiff.error(
      "is a Ventana slide (BIF), whose first page is a label and whose tiles overlap. Convert it to OME-TIFF.",
    );
  const unsaid = first.type === "uint32" && !first.directory.has(TAG.sampleFormat);
  if (unsaid && (await first.directory.text(TAG.software)).startsWith("IndicaLabs"))
    throw tiff.error(
      "is an Indica Labs slide that does not say whether its values are whole numbers. Save it as OME-TIFF.",
    );
  if (first.directory.has(TAG.molecularDynamics))
    throw tiff.error(
      "is a Molecular Dynamics GEL, whose values are transformed, which is not read. Save it as a plain TIFF.",
    );
  // Hamamatsu's files keep the upper halves of offsets beyond 4 GB in a place of their own.
  if (first.directory.has(TAG.hamamatsu) && !tiff.big && tiff.bytes.size > 2 ** 32)
    throw tiff.error("is a Hamamatsu slide of more than 4 GB, which is not read. Convert it to OME-TIFF.");
}
