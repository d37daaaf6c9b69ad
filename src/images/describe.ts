/** Describes images in words, for the command line and the editor. */
import type { ImageDescription, ImageInfo } from "./image.ts";
import { describeNonFinite, type Inspection } from "./inspect.ts";
import { describePixelSize } from "./pixel-size.ts";

/** Other arrays and images that are named; more are counted. */
const MOST_OTHERS = 8;

/** Returns a shape as text: `2 x 512 x 512, 3 channels`. Single slices and channels are left out. */
function describeShape([z, y, x, channels]: ImageInfo["shape"]): string {
  const size = z > 1 ? `${z} x ${y} x ${x}` : `${y} x ${x}`;
  return channels === 1 ? size : `${size}, ${channels} channels`;
}

/** Returns the axes with their reason: `ZCYX (its OME-XML says so)`. */
export const describeAxes = ({ axes, axesReason }: ImageDescription): string => `${axes} (${axesReason})`;

/** Returns the properties of an image that are known without reading its pixels, with their names. */
export function imageFacts(info: ImageInfo, description: ImageDescription): (readonly [string, string])[] {
  const { storedType, compression, dataset, others } = description;
  const widened = storedType === info.sampleType ? "" : `, read as ${info.sampleType}`;
  const named = others.slice(0, MOST_OTHERS).join(", ");
  const more = others.length > MOST_OTHERS ? ` and ${others.length - MOST_OTHERS} more` : "";
  return [
    ["format", description.format],
    ["axes", describeAxes(description)],
    ["stored", description.storedShape.join(" x ")],
    ["image", `${describeShape(info.shape)} (z, y, x, channel: ${info.shape.join(", ")})`],
    ["type", `${storedType}${widened}`],
    ["pixel size", info.pixelSize === undefined ? "unknown" : describePixelSize(info.pixelSize)],
    ["compression", compression],
    ...(dataset === undefined ? [] : [["dataset", dataset] as const]),
    ...(others.length === 0 ? [] : [["others", `${named}${more}`] as const]),
    ...(info.files === undefined ? [] : [["files", String(info.files.length)] as const]),
  ];
}

/** Returns an inspection as lines of text. */
export function describeInspection({ info, description, scan }: Inspection): string {
  const partly = scan.complete ? "" : " (of the part that was looked at)";
  const range =
    scan.range === undefined ? "no finite pixel" : `${scan.range[0]} to ${scan.range[1]}${partly}`;
  const facts = [...imageFacts(info, description), ["range", range] as const];
  const lines = facts.map(([name, fact]) => `  ${name.padEnd(12)}${fact}`);
  const fault = scan.nonFinite === undefined ? [] : [`  ${describeNonFinite(scan.nonFinite, info.shape)}.`];
  return [info.path, ...lines, ...fault].join("\n");
}
