/** OME-XML (2016-06 and before): which plane of which image lies on which page of which file. */

import { asArray, asObject, asText, type JsonObject } from "../facts/json.ts";
import type { PixelSize } from "./image.ts";
import { mixedPixelSize, type WrittenLength } from "./pixel-size.ts";

/** Pages that hold consecutive planes. */
export interface OmePlanes {
  /** The first plane's place along each of `axes`. */
  readonly first: readonly number[];
  readonly page: number;
  /** Undefined for all pages of the file. */
  readonly count: number | undefined;
  /** The file that has them; undefined for this one. */
  readonly file: string | undefined;
}

export interface OmeImage {
  readonly name: string;
  /** Samples of a channel, where the metadata say so. */
  readonly samples: number | undefined;
  /** The axes beyond y and x, the one that varies fastest last. */
  readonly axes: string;
  /** Channels are counted with their samples. */
  readonly sizes: readonly number[];
  readonly planes: readonly OmePlanes[];
  readonly pixelSize?: PixelSize;
}

export interface OmeDocument {
  readonly images: readonly OmeImage[];
  /** The file that has the metadata, where this one has none. */
  readonly metadataFile?: string;
}

/** An element: its attributes and its child elements by name. */
type Element = JsonObject;

/** Elements that may occur several times. */
const MANY = ["Image", "Channel", "TiffData"];

/** Reads OME-XML; undefined if the text is not OME-XML. Throws if it is not well formed. */
export async function parseOme(text: string): Promise<OmeDocument | undefined> {
  if (!/<(?:\w+:)?OME[\s>]/.test(text)) return undefined;
  // Loaded for the files that need it.
  const { XMLParser, XMLValidator } = await import("fast-xml-parser");
  const valid = XMLValidator.validate(text);
  if (valid !== true) throw new Error(`${valid.err.msg} (line ${valid.err.line})`);
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: "",
    removeNSPrefix: true,
    parseTagValue: false,
    isArray: (name) => MANY.includes(name),
  });
  const root = asObject(asObject(parser.parse(text)).OME);
  const binaryOnly = root.BinaryOnly === undefined ? undefined : asObject(root.BinaryOnly);
  const uuid = asText(root.UUID);
  return {
    images: elements(root.Image).map((image) => omeImage(image, uuid)),
    metadataFile: binaryOnly && asText(binaryOnly.MetadataFile),
  };
}

function omeImage(image: Element, ownUuid: string | undefined): OmeImage {
  const pixels = asObject(image.Pixels);
  const order = asText(pixels.DimensionOrder) ?? "XYCZT";
  const samplesText = asText(elements(pixels.Channel)[0]?.SamplesPerPixel);
  const samples = samplesText === undefined ? undefined : Number(samplesText);
  const axes = [...order.slice(2)].reverse().join("");
  const sizes = [...axes].map((axis) => Number(asText(pixels[`Size${axis}`]) ?? 1));
  const length = (axis: "X" | "Y" | "Z"): WrittenLength => {
    const text = asText(pixels[`PhysicalSize${axis}`]);
    return {
      value: text === undefined ? undefined : Number(text),
      unit: asText(pixels[`PhysicalSize${axis}Unit`]) ?? "µm",
    };
  };
  return {
    name: asText(image.Name) ?? asText(image.ID) ?? "",
    samples,
    axes,
    sizes,
    planes: elements(pixels.TiffData).map((data) => omePlanes(data, axes, ownUuid)),
    pixelSize: mixedPixelSize({ z: length("Z"), y: length("Y"), x: length("X") }),
  };
}

function omePlanes(data: Element, axes: string, ownUuid: string | undefined): OmePlanes {
  const page = asText(data.IFD);
  const count = asText(data.PlaneCount) ?? asText(data.NumPlanes);
  const uuid = data.UUID;
  const [name, id] =
    typeof uuid === "string"
      ? [undefined, uuid]
      : [asText(asObject(uuid).FileName), asText(asObject(uuid)["#text"])];
  const own = ownUuid !== undefined && id !== undefined && id.trim() === ownUuid.trim();
  return {
    first: [...axes].map((axis) => Number(asText(data[`First${axis}`]) ?? 0)),
    page: Number(page ?? 0),
    count: count === undefined ? (page === undefined ? undefined : 1) : Number(count),
    file: own ? undefined : name,
  };
}

const elements = (value: unknown): Element[] => asArray(value).map(asObject);
