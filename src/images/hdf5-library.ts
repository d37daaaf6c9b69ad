/** The HDF5 library as WebAssembly, with its filter plugins. Its errors are thrown; it would print them and hand out old memory. */
import { dirname } from "node:path";
import * as h5wasm from "h5wasm/node";
import { packageFiles } from "./package-files.ts";

let ready: Promise<void> | undefined;

/** Loads the library once. */
export function loadHdf5(): Promise<void> {
  ready ??= (async () => {
    const module = await h5wasm.ready;
    module.activate_throwing_error_handler();
    const plugins = dirname(packageFiles.resolve("h5wasm-plugins/plugins/libH5Zzstd.so"));
    module.insert_plugin_search_path(plugins, 0);
  })();
  return ready;
}

/** Names of filters (https://github.com/HDFGroup/hdf5_plugins, "Registered filters"), and whether they are read. */
const FILTERS: Readonly<Record<number, readonly [name: string, read: boolean]>> = {
  1: ["gzip", true],
  2: ["shuffle", true],
  3: ["fletcher32", true],
  4: ["szip", true],
  5: ["nbit", true],
  6: ["scale-offset", true],
  307: ["bzip2", true],
  32000: ["lzf", true],
  32001: ["blosc", true],
  32004: ["lz4", true],
  32008: ["bitshuffle", true],
  32013: ["zfp", true],
  32015: ["zstd", true],
  32019: ["jpeg", true],
  32022: ["bitgroom", true],
  32023: ["bitround", true],
  32026: ["blosc2", true],
  32017: ["sz", false],
  32018: ["fcidecomp", false],
  32024: ["sz3", false],
  32028: ["spERR", false],
};

/** Compressions inside of Blosc and Blosc2, by their codes, that crash the library. */
const UNREAD_IN_BLOSC: Readonly<Record<number, string>> = { 3: "snappy", 4: "zlib" };
/** Where the options of both filters hold that code. */
const BLOSC_CODE = 6;

interface Filter {
  readonly id: number;
  readonly name: string;
  readonly cd_values: readonly number[];
}

function nameOf({ id, name, cd_values }: Filter): readonly [name: string, read: boolean] {
  const known = FILTERS[id];
  if (known === undefined) return [name === "" ? `filter ${id}` : name, false];
  const inner = known[0].startsWith("blosc") ? UNREAD_IN_BLOSC[cd_values[BLOSC_CODE] ?? 0] : undefined;
  return inner === undefined ? known : [`${known[0]} with ${inner}`, false];
}

/** Returns the names of a dataset's filters, and the first of them that cannot be read. */
export function filtersOf(filters: readonly Filter[]): {
  names: string[];
  unread: string | undefined;
} {
  const known = filters.map(nameOf);
  return { names: known.map(([name]) => name), unread: known.find(([, read]) => !read)?.[0] };
}
