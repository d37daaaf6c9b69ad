/** Reads the groups and arrays of a Zarr or N5 container and finds its image (OME-Zarr 0.1 to 0.5, plates, N5). */

import { posix } from "node:path";
import { asArray, asNumbers, asObject, asText, isObject, type JsonObject } from "../facts/json.ts";
import { type Axes, namedAxes, unknownAxes } from "./axes.ts";
import { type Candidate, chooseArray } from "./choose-array.ts";
import type { ContainerFiles } from "./container-files.ts";
import { ImageError, type PixelSize } from "./image.ts";
import { mixedPixelSize, pixelSize, type WrittenLength } from "./pixel-size.ts";

const MOST_METADATA_BYTES = 2 ** 26;
/** Limits of a search: a container may hold millions of folders. */
const [MOST_DEPTH, MOST_NODES] = [64, 10_000];

/** A group or an array. */
export interface Node {
  readonly kind: "group" | "array";
  readonly format: "Zarr 2" | "Zarr 3" | "N5";
  /** Its folder inside the container; empty for the container itself. */
  readonly place: string;
  /** The array's metadata document; empty for most groups. */
  readonly document: JsonObject;
  readonly attributes: JsonObject;
}

async function jsonAt(files: ContainerFiles, place: string): Promise<JsonObject | undefined> {
  const path = posix.join(files.path, place);
  const file = await files.open(place);
  if (file === undefined) return undefined;
  let text: string;
  try {
    if (file.size > MOST_METADATA_BYTES)
      throw new ImageError(
        path,
        `${path}: is ${file.size} bytes, more than metadata have (${MOST_METADATA_BYTES}).`,
      );
    text = Buffer.from(await file.read(0, file.size)).toString("utf8");
  } finally {
    await file.close();
  }
  try {
    // Python writes NaN and Infinity, which JSON does not allow.
    const parsed: unknown = JSON.parse(text.replace(/(:\s*)(NaN|-?Infinity)(\s*[,}\]])/g, '$1"$2"$3'));
    if (isObject(parsed)) return parsed;
  } catch {}
  throw new ImageError(path, `${path}: is no JSON object, or damaged.`);
}

/** Returns the node in a folder; undefined if there is none. Throws {@link ImageError} if its metadata are damaged. */
export async function nodeAt(files: ContainerFiles, place: string): Promise<Node | undefined> {
  const at = (name: string) => jsonAt(files, posix.join(place, name));
  const v3 = await at("zarr.json");
  if (v3 !== undefined)
    return {
      kind: v3.node_type === "array" ? "array" : "group",
      format: "Zarr 3",
      place,
      document: v3,
      attributes: asObject(v3.attributes),
    };
  const [array, group] = [await at(".zarray"), await at(".zgroup")];
  const attributes = (await at(".zattrs")) ?? {};
  if (array !== undefined) return { kind: "array", format: "Zarr 2", place, document: array, attributes };
  if (group !== undefined || Object.keys(attributes).length > 0)
    return { kind: "group", format: "Zarr 2", place, document: {}, attributes };
  const n5 = await at("attributes.json");
  if (n5 === undefined) return undefined;
  const kind = "dimensions" in n5 && "dataType" in n5 ? "array" : "group";
  return { kind, format: "N5", place, document: n5, attributes: n5 };
}

/** Returns the names of the folders in a node's folder, in natural order. */
async function children(files: ContainerFiles, place: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of await files.list(place).catch(() => []))
    if (entry.isDirectory() && !entry.name.startsWith(".")) names.push(entry.name);
  return names.sort(new Intl.Collator("en", { numeric: true }).compare);
}

/** The array of a container's image, with the metadata of its groups. */
export interface FoundArray {
  readonly node: Node;
  readonly format: string;
  readonly axes?: Axes;
  readonly pixelSize?: PixelSize;
  /** Other arrays, or images, that could be read instead. */
  readonly others: readonly string[];
}

/** Returns the image of a node: the node itself, the image that its OME metadata name, or the array most like an image. */
export async function findImage(files: ContainerFiles, node: Node): Promise<FoundArray | undefined> {
  if (node.kind === "array") return { node, ...(await metadataOf(files, node)), others: [] };
  const ome = omeOf(node);
  const [first, ...more] = asArray(ome.multiscales).map(asObject);
  if (first !== undefined) return multiscaleImage(files, node, [first, ...more], asText(ome.version));
  const named = await namedImage(files, node, ome);
  return named ?? searchedImage(files, node);
}

/** Returns a node's OME metadata: since 0.5 they are an attribute of their own. */
const omeOf = ({ attributes }: Node): JsonObject => (isObject(attributes.ome) ? attributes.ome : attributes);

/** Returns a path inside a node as a place in the container, without a slash at its end. */
const within = (node: Node, path: string) =>
  posix.join(node.place, path).replace(/\/$/, "").replace(/^\.$/, "");

/** Whether a place lies inside a node: a group that names itself or a group above it would be searched forever. */
const isInside = (place: string, node: Node) =>
  place !== "" && !place.startsWith("..") && (node.place === "" || place.startsWith(`${node.place}/`));

/** Returns the first image that a plate, a well, or bioformats2raw's layout names. */
async function namedImage(
  files: ContainerFiles,
  node: Node,
  ome: JsonObject,
): Promise<FoundArray | undefined> {
  const plate = asArray(asObject(ome.plate).wells);
  const well = asArray(asObject(ome.well).images);
  const layout = ome["bioformats2raw.layout"] === undefined ? [] : await series(files, node);
  const paths = [...plate, ...well].map((each) => asText(asObject(each).path) ?? "").concat(layout);
  for (const [index, path] of paths.entries()) {
    const place = within(node, path);
    const child = isInside(place, node) ? await nodeAt(files, place) : undefined;
    const found = child && (await findImage(files, child));
    if (found === undefined) continue;
    const rest = paths.filter((_, other) => other !== index).map((other) => within(node, other));
    return { ...found, others: [...found.others, ...rest] };
  }
  return undefined;
}

/** Returns the series of bioformats2raw in the order of its OME group, else by number. */
async function series(files: ContainerFiles, node: Node): Promise<string[]> {
  const listed = await nodeAt(files, within(node, "OME"));
  const order = listed === undefined ? [] : asArray(omeOf(listed).series).map(String);
  if (order.length > 0) return order;
  return (await children(files, node.place)).filter((name) => /^\d+$/.test(name));
}

async function multiscaleImage(
  files: ContainerFiles,
  node: Node,
  [first, ...more]: readonly [JsonObject, ...JsonObject[]],
  omeVersion: string | undefined,
): Promise<FoundArray> {
  const levels = asArray(first.datasets).map(asObject);
  const path = asText(levels[0]?.path);
  const place = path === undefined ? undefined : within(node, path);
  const array = place === undefined || place.startsWith("..") ? undefined : await nodeAt(files, place);
  if (array?.kind !== "array")
    throw new ImageError(
      files.path,
      `${files.path}: its OME metadata name ${path ?? "no array"}, which is no array there.`,
    );
  const others = [...levels.slice(1), ...more.flatMap((scale) => asArray(scale.datasets).map(asObject))].map(
    (level) => within(node, asText(level.path) ?? ""),
  );
  return { node: array, ...levelMetadata(array, first, levels[0], omeVersion), others };
}

/** Returns what the OME metadata of an image say of one of its levels. */
function levelMetadata(
  array: Node,
  image: JsonObject,
  level: JsonObject | undefined,
  omeVersion: string | undefined,
): Omit<FoundArray, "node" | "others"> {
  const version = omeVersion ?? asText(image.version);
  // OpenOrganelle's N5 (https://github.com/janelia-cosem/schemas) describes each level, with lists of names and units.
  const own = asObject(level?.transform);
  const ownAxes = asArray(own.axes).map((name, at) => ({ name, unit: asArray(own.units)[at] }));
  // OME-Zarr 0.6 names axes in coordinate systems.
  const axes = image.axes ?? asObject(asArray(image.coordinateSystems)[0]).axes ?? ownAxes;
  const scale = scaleOf(level, scaleOf(image)) ?? asNumbers(own.scale);
  const n5 = array.format === "N5";
  return {
    format: n5 ? array.format : `OME-Zarr${version === undefined ? "" : ` ${version}`}`,
    axes: omeAxes(axes, version, array),
    pixelSize: sizeOf(axes, scale) ?? arrayMetadata(array).pixelSize,
  };
}

/** Returns what the OME metadata of a group above say of an array, else what the array says itself. */
async function metadataOf(files: ContainerFiles, array: Node): Promise<Omit<FoundArray, "node" | "others">> {
  for (let place = array.place; place !== ""; ) {
    place = posix.dirname(place).replace(/^\.$/, "");
    const group = await nodeAt(files, place);
    if (group === undefined) continue;
    const ome = omeOf(group);
    for (const image of asArray(ome.multiscales).map(asObject))
      for (const level of asArray(image.datasets).map(asObject))
        if (within(group, asText(level.path) ?? "") === array.place)
          return levelMetadata(array, image, level, asText(ome.version));
  }
  return { format: array.format, ...arrayMetadata(array) };
}

/** Returns the scale along each axis from the coordinate transformations, times an outer scale. */
function scaleOf(of: JsonObject | undefined, outer?: readonly number[]): readonly number[] | undefined {
  const scales = asArray(of?.coordinateTransformations)
    .map(asObject)
    .flatMap((each) => (each.type === "sequence" ? asArray(each.transformations).map(asObject) : [each]));
  const own = asNumbers(scales.find(({ type }) => type === "scale")?.scale);
  if (own === undefined || outer === undefined) return own ?? outer;
  return own.map((scale, axis) => scale * (outer[axis] ?? 1));
}

const TYPES: Readonly<Record<string, string>> = { time: "T", channel: "C" };

const axisName = (axis: unknown): string => {
  const { name, type } = asObject(axis);
  return TYPES[asText(type) ?? ""] ?? asText(name) ?? String(axis);
};

/** Returns OME-Zarr's axes: named since 0.3; earlier versions always have these five. In N5, only named axes are known. */
function omeAxes(axes: unknown, version: string | undefined, array: Node): Axes | undefined {
  const source = `its OME metadata${version === undefined ? "" : ` (${version})`}`;
  const names = asArray(axes).map(axisName);
  if (names.length > 0) return namedAxes(names, source) ?? unknownAxes(names, `${source} name`);
  if (array.format === "N5") return arrayMetadata(array).axes;
  if (version === undefined || Number(version) < 0.3)
    return { order: "TCZYX", reason: `OME-Zarr ${version ?? "before 0.3"} has these axes` };
  const count = asArray(array.document.shape).length;
  return (
    arrayMetadata(array).axes ??
    unknownAxes(
      Array.from({ length: count }, () => "?"),
      `${source} name no axes`,
    )
  );
}

function sizeOf(axes: unknown, scale: readonly number[] | undefined): PixelSize | undefined {
  if (!Array.isArray(axes) || scale === undefined) return undefined;
  const named = namedAxes(axes.map(axisName), "");
  if (named === undefined) return undefined;
  const at = (letter: string) => named.order.indexOf(letter);
  const length = (letter: string): WrittenLength => ({
    value: scale[at(letter)],
    unit: asText(asObject(axes[at(letter)]).unit),
  });
  return mixedPixelSize({ z: length("Z"), y: length("Y"), x: length("X") });
}

/** Returns the axes and pixel size from an array's own attributes: dimension names, and the sizes of this program and of N5 writers. */
function arrayMetadata({ format, document, attributes }: Node): Pick<FoundArray, "axes" | "pixelSize"> {
  const names = asArray(format === "Zarr 3" ? document.dimension_names : attributes._ARRAY_DIMENSIONS);
  if (format !== "N5")
    return {
      axes: namedAxes(
        names.map((name) => asText(name) ?? null),
        "its dimension names",
      ),
      pixelSize: sizeOf(attributes.axes, scaleOf(attributes)),
    };
  const axes = namedAxes(
    asArray(attributes.axes)
      .map((axis) => asText(axis) ?? null)
      .reverse(),
    "its attribute axes",
  );
  const resolution = asObject(attributes.pixelResolution);
  const sizes = (asNumbers(resolution.dimensions) ?? asNumbers(attributes.resolution) ?? []).reverse();
  // Some writers give sizes of the spatial axes only.
  const every = axes?.order ?? "ZYX";
  const order = sizes.length < every.length ? every.replace(/[^ZYX]/g, "") : every;
  const size = (letter: string) =>
    order.includes(letter) ? sizes[sizes.length - order.length + order.indexOf(letter)] : undefined;
  return {
    axes,
    pixelSize: pixelSize(
      { z: size("Z"), y: size("Y"), x: size("X") },
      asText(resolution.unit) ?? asText(asArray(attributes.units)[0]),
    ),
  };
}

interface Found extends Candidate {
  readonly node: Node;
}

/** Searches a group for the array most like an image; it may also hold labels and tables. */
async function searchedImage(files: ContainerFiles, group: Node): Promise<FoundArray | undefined> {
  const arrays: Found[] = [];
  const waiting: { readonly place: string; readonly depth: number }[] = [{ place: group.place, depth: 0 }];
  let nodes = 0;
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
    for (const name of await children(files, next.place)) {
      if (++nodes > MOST_NODES || next.depth > MOST_DEPTH)
        throw new ImageError(
          files.path,
          `${files.path}: holds more than ${nodes > MOST_NODES ? `${MOST_NODES} groups and arrays` : `${MOST_DEPTH} groups, one in another`}, too many to find its image. Name its array (INPUT_ZARR_MULTIPLE_DATA_RAW_PATH, --dataset).`,
        );
      const place = posix.join(next.place, name);
      const node = await nodeAt(files, place);
      if (node?.kind === "array") {
        const shape = asNumbers(node.document.shape ?? node.document.dimensions) ?? [];
        const type = asText(node.document.data_type ?? node.document.dtype ?? node.document.dataType) ?? "";
        arrays.push({ place, shape, numeric: /^(bool|u?int|float|[<>|=][buif]\d)/.test(type), node });
      } else waiting.push({ place, depth: next.depth + 1 });
    }
  const choice = chooseArray(arrays);
  if (choice === undefined) return undefined;
  const { node } = choice.chosen;
  // The levels of a pyramid are siblings; their parent group may describe them.
  const above = await nodeAt(files, posix.dirname(node.place) === "." ? "" : posix.dirname(node.place));
  const describes = above?.kind === "group" && above.place !== group.place && above.format !== "N5";
  if (describes && asArray(omeOf(above).multiscales).length > 0) {
    const image = await findImage(files, above);
    if (image !== undefined)
      return { ...image, others: [...image.others, ...choice.others.map(({ place }) => place)] };
  }
  return {
    node,
    ...(await metadataOf(files, node)),
    others: choice.others.map(({ place }) => place),
  };
}
