/**
 * What a TIFF says of its axes and pixel size, in the words of OME (https://www.openmicroscopy.org/Schemas/OME/2016-06/) and of
 * ImageJ. Channels vary fastest, then slices.
 */
import { XMLBuilder } from "fast-xml-parser";
import type { ImageShape, PixelSize, SampleType } from "./image.ts";

/** ImageJ's units are of ASCII characters. */
const IMAGEJ_UNITS: Readonly<Record<string, string>> = { µm: "um", Å: "Angstrom" };

/** ImageJ's header. */
export function imageJDescription([z, , , channels]: ImageShape, size: PixelSize | undefined): string {
  const lines = ["ImageJ=1.54f", `images=${z * channels}`, `channels=${channels}`, `slices=${z}`];
  const stack = z * channels > 1 ? ["hyperstack=true", "mode=grayscale"] : [];
  const unit = size === undefined ? [] : [`unit=${IMAGEJ_UNITS[size.unit] ?? size.unit}`];
  const spacing = size?.z === undefined ? [] : [`spacing=${size.z}`];
  return `${[...lines, ...stack, ...unit, ...spacing, "loop=false"].join("\n")}\n`;
}

/** Units of length as OME's schema spells them. */
const OME_UNITS: Readonly<Record<string, string>> = {
  µm: "µm",
  nm: "nm",
  mm: "mm",
  cm: "cm",
  m: "m",
  Å: "Å",
  inch: "in",
};

const OME_TYPES: Readonly<Partial<Record<SampleType, string>>> = { float32: "float", float64: "double" };

/** OME-XML of one image whose planes are the file's pages, in order. A unit that OME does not know is left out with its sizes. */
export function omeDescription(
  name: string,
  [z, y, x, channels]: ImageShape,
  sampleType: SampleType,
  size: PixelSize | undefined,
): string {
  const pixels = {
    "@ID": "Pixels:0",
    "@DimensionOrder": "XYCZT",
    "@Type": OME_TYPES[sampleType] ?? sampleType,
    "@SizeX": x,
    "@SizeY": y,
    "@SizeC": channels,
    "@SizeZ": z,
    "@SizeT": 1,
    "@BigEndian": "false",
    ...physicalSizes(size),
    Channel: Array.from({ length: channels }, (_, at) => ({
      "@ID": `Channel:0:${at}`,
      "@SamplesPerPixel": 1,
    })),
    TiffData: { "@IFD": 0, "@PlaneCount": z * channels },
  };
  const namespace = "http://www.openmicroscopy.org/Schemas/OME/2016-06";
  const document = {
    "?xml": { "@version": "1.0", "@encoding": "UTF-8" },
    OME: {
      "@xmlns": namespace,
      "@xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
      "@xsi:schemaLocation": `${namespace} ${namespace}/ome.xsd`,
      "@Creator": "BiaPy Studio",
      Image: { "@ID": "Image:0", "@Name": name, Pixels: pixels },
    },
  };
  const builder = new XMLBuilder({
    ignoreAttributes: false,
    attributeNamePrefix: "@",
    suppressEmptyNode: true,
    suppressBooleanAttributes: false,
  });
  return String(builder.build(document));
}

function physicalSizes(size: PixelSize | undefined): Readonly<Record<string, number | string>> {
  const unit = size && OME_UNITS[size.unit];
  if (size === undefined || unit === undefined) return {};
  const known = (
    [
      ["X", size.x],
      ["Y", size.y],
      ["Z", size.z],
    ] as const
  ).flatMap(([axis, value]) =>
    value === undefined
      ? []
      : [[`@PhysicalSize${axis}`, value] as const, [`@PhysicalSize${axis}Unit`, unit] as const],
  );
  return Object.fromEntries(known);
}
