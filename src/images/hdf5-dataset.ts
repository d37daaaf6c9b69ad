/** Checks a dataset of an HDF5 file and reads its attributes and values. Errors name the file. */
import { isUtf8 } from "node:buffer";
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type * as h5wasm from "h5wasm/node";
import { Dataset, File as Hdf5File } from "h5wasm/node";
import { errorMessage } from "../facts/errors.ts";
import type { Strided } from "./axes.ts";
import { filtersOf } from "./hdf5-library.ts";
import { readBox, storedTypeOf } from "./hdf5-values.ts";
import { firstLine, ImageError } from "./image.ts";
import { bytesOf, type StoredType } from "./samples.ts";

/** Reads a box of a dataset. Throws {@link ImageError}. */
export function readDataset(
  path: string,
  dataset: h5wasm.Dataset,
  type: StoredType,
  ranges: readonly (readonly [number, number])[],
): Strided {
  return explained(path, () => readBox(dataset, type, ranges), dataset.path);
}

/** Returns a dataset's chunk shape; single rows if it is not chunked. */
export function chunksOf({ metadata, shape }: h5wasm.Dataset): number[] {
  const sizes = shape ?? [];
  return metadata.chunks ?? sizes.map((size, axis) => (axis === sizes.length - 1 ? size : 1));
}

export const compressionOf = ({ filters }: h5wasm.Dataset): string =>
  filtersOf(filters).names.join(", ") || "none";

/** Filtered chunks are decoded as a whole, for which the library takes up to four times as much memory. */
const MOST_FILTERED_BYTES = 190e6;
/** Limit on chunks without filters, of which the library reads the wanted parts. */
const MOST_CHUNK_BYTES = 2 ** 29;

/** Returns a dataset's type. Throws {@link ImageError} if the dataset cannot be read. */
export function checkDataset(path: string, dataset: h5wasm.Dataset): StoredType {
  const { metadata, path: place } = dataset;
  const type = storedTypeOf(metadata);
  if (typeof type !== "string")
    throw new ImageError(path, `${path}: ${place} holds ${type.other}, not pixels.`);
  const { names, unread } = filtersOf(dataset.filters);
  if (unread !== undefined)
    throw new ImageError(
      path,
      `${path}: ${place} is compressed by a filter that cannot be read here (${unread}); save it with gzip.`,
    );
  const axes = metadata.chunks?.length;
  if (axes !== undefined && axes !== dataset.shape?.length)
    throw new ImageError(path, `${path}: ${place} has chunks of ${axes} axes: it is damaged.`);
  const chunk = (metadata.chunks ?? []).reduce((product, size) => product * size, bytesOf(type));
  if (chunk > (names.length > 0 ? MOST_FILTERED_BYTES : MOST_CHUNK_BYTES))
    throw new ImageError(
      path,
      `${path}: the chunks of ${place} are ${chunk} bytes, more than can be decoded at once. Save it in smaller chunks.`,
    );
  return type;
}

/**
 * Throws {@link ImageError} if a virtual dataset lacks one of its sources, which may be virtual too: the library would fill its part
 * with one value.
 */
export function checkSources(path: string, file: h5wasm.File, dataset: h5wasm.Dataset): void {
  checkSourcesOf(dataset, path, file, (what) => {
    throw new ImageError(path, `${path}: ${dataset.path} ${what}`);
  });
}

/**
 * Checks the sources of a virtual dataset and theirs.
 *
 * @param path the file that holds it, beside which its sources lie
 * @param known the sources that were checked
 */
function checkSourcesOf(
  { metadata }: h5wasm.Dataset,
  path: string,
  file: h5wasm.File,
  fail: (what: string) => never,
  known: Set<string> = new Set(),
): void {
  const refuse = (what: string): never => fail(`lies partly in ${what}, which is not there.`);
  // An image of thousands of parts names each of its files many times.
  const files = new Map<string, Set<string>>();
  for (const { file_name, dset_name } of metadata.virtual_sources ?? []) {
    if (file_name.includes("%") || dset_name.includes("%"))
      fail(`names its files by a pattern (${file_name}), which is not read.`);
    const datasets = files.get(file_name) ?? new Set();
    files.set(file_name, datasets.add(dset_name));
  }
  for (const [name, datasets] of files) {
    const source = name === "." ? path : resolve(dirname(path), name);
    if (!existsSync(source)) refuse(name);
    const other = source === path ? file : new Hdf5File(source, "r");
    try {
      for (const place of datasets) {
        const dataset = other.get(place);
        // Virtual datasets may name each other in a circle.
        const key = `${source}\0${place}`;
        if (!(dataset instanceof Dataset)) refuse(`${place} of ${name}`);
        else if (!known.has(key)) checkSourcesOf(dataset, source, other, fail, known.add(key));
      }
    } finally {
      if (other !== file) other.close();
    }
  }
}

/** Returns an attribute as a JSON value; undefined if it is missing. */
export function attribute(of: h5wasm.Dataset | h5wasm.Group, name: string): unknown {
  return of.attrs[name]?.json_value;
}

/** Returns an attribute's text, which may be stored as a string, or as an array of strings or of the bytes of one (Imaris). */
export function textOf(of: h5wasm.Dataset | h5wasm.Group, name: string): string | undefined {
  const value = attribute(of, name);
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const joined = value.join("");
  const bytes = Buffer.from(joined, "latin1");
  return bytes.length === value.length && isUtf8(bytes) ? bytes.toString("utf8") : joined;
}

let stopped = false;

/** Whether damaged data crashed the library, which cannot be restarted in the same thread. */
export const libraryStopped = (): boolean => stopped;

/** Calls the library and turns its errors into {@link ImageError}s. The library's stack trace is dropped; its reason stays. */
export function explained<T>(path: string, run: () => T, place?: string): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof ImageError) throw error;
    // WebAssembly traps when the library aborts.
    if (error instanceof Error && error.name === "RuntimeError") stopped = true;
    const message = stopped ? "its data stopped the HDF5 library" : errorMessage(error);
    const reasons = [...message.matchAll(/#\d+: .*?\(\): (.*)/g)].map(([, reason]) => reason);
    const reason = (reasons.at(-1) ?? firstLine(message)).slice(0, 200);
    const what = place === undefined ? "cannot be read as HDF5" : `${place} cannot be read`;
    throw new ImageError(
      path,
      `${path}: ${what}, or is damaged (${reason}). Save it again where it was made.`,
    );
  }
}
