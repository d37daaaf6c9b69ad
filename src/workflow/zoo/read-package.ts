/**
 * Packages of the BioImage Model Zoo on disk: a ZIP file, a folder, or its `rdf.yaml`. They are not trusted: names are checked,
 * sizes bounded, the description validated.
 */

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import * as v from "valibot";
import { parse } from "yaml";
import { type Entry, openPromise, validateFileName } from "yauzl";
import { errorMessage } from "../../facts/errors.ts";
import { copyStream } from "../../facts/files/copy-stream.ts";
import { liesInside } from "../../facts/files/lies-inside.ts";
import { DamagedFileError, readText } from "../../facts/files/regular-file.ts";
import { firstLine } from "../../images/image.ts";
import { inNewForm } from "./older-description.ts";

/** A package that cannot be used. The message is for the user. */
export class PackageError extends Error {
  override readonly name = "PackageError";
}

const DESCRIPTIONS = ["rdf.yaml", "bioimageio.yaml"];
/** Largest description, in bytes. */
export const MOST_DESCRIPTION = 2 ** 22;
/** Largest file of weights, in bytes. */
export const MOST_WEIGHTS = 2 ** 34;
const MOST_ENTRIES = 1000;

const axisSize = v.optional(
  v.union([v.number(), v.looseObject({ min: v.number(), step: v.number() }), v.looseObject({})]),
);
const axis = v.looseObject({
  type: v.picklist(["batch", "channel", "index", "time", "space"]),
  id: v.optional(v.string()),
  channel_names: v.optional(v.array(v.string())),
  size: axisSize,
  halo: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
});
const processing = v.object({
  id: v.string(),
  kwargs: v.nullish(v.record(v.string(), v.unknown()), {}),
});
const operations = v.nullish(v.array(processing), []);
const sha256 = v.nullish(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)));
const torch = v.object({
  source: v.string(),
  sha256,
  architecture: v.looseObject({
    callable: v.string(),
    /** The class's module; packages without one hold its source. */
    import_from: v.nullish(v.string()),
    kwargs: v.nullish(v.record(v.string(), v.unknown()), {}),
  }),
});
const onnx = v.object({
  source: v.string(),
  sha256,
  external_data: v.nullish(v.object({ source: v.string(), sha256 })),
});
const input = v.object({
  id: v.optional(v.string(), "input"),
  axes: v.array(axis),
  preprocessing: operations,
});
const output = v.object({
  id: v.optional(v.string(), "output"),
  axes: v.array(axis),
  postprocessing: operations,
  /** The network's output for the test input, as `.npy`. A package can be used without. */
  test_tensor: v.fallback(v.nullish(v.object({ source: v.string(), sha256 })), undefined),
});
const descriptionSchema = v.object({
  format_version: v.pipe(v.string(), v.regex(/^0\.[45]\./, "is not 0.4 or 0.5")),
  type: v.literal("model"),
  name: v.string(),
  tags: v.nullish(v.array(v.unknown()), []),
  cite: v.nullish(v.array(v.unknown()), []),
  config: v.nullish(v.record(v.string(), v.unknown()), {}),
  inputs: v.pipe(v.array(input), v.length(1, "has several inputs")),
  outputs: v.pipe(v.array(output), v.minLength(1, "has no output")),
  weights: v.object({
    pytorch_state_dict: v.nullish(torch),
    onnx: v.nullish(onnx),
  }),
});

/** The part of `rdf.yaml` that this engine reads. */
export type PackageDescription = v.InferOutput<typeof descriptionSchema>;
export type PackageAxis = v.InferOutput<typeof axis>;
/** An operation before or after the network. */
export type Processing = v.InferOutput<typeof processing>;

/** An opened package. */
export interface ZooPackage {
  readonly path: string;
  readonly description: PackageDescription;
  /** Copies a file of the package, and verifies its checksum if given. Throws {@link PackageError}. */
  copy(name: string, to: string, sha256?: string | null): Promise<void>;
}

/** Opens a package. Throws {@link PackageError}. */
export async function readPackage(path: string): Promise<ZooPackage> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new PackageError(`${path} does not exist.`);
  if (found.isDirectory()) return inFolder(path, path);
  return path.endsWith(".yaml") ? inFolder(path, dirname(path)) : inZip(path);
}

const described = (path: string, text: string) => readDescription(path, parsedDescription(path, text));

/** Parses the text of a description. Throws {@link PackageError}. */
export function parsedDescription(path: string, text: string): unknown {
  if (text.length > MOST_DESCRIPTION) throw new PackageError(`${path}: its description is too large.`);
  try {
    return parse(text, { maxAliasCount: 100 });
  } catch (error) {
    throw new PackageError(`${path}: its description is not valid YAML: ${firstLine(errorMessage(error))}`);
  }
}

/** Validates a description. Throws {@link PackageError}. */
export function readDescription(path: string, document: unknown): PackageDescription {
  const parsed = v.safeParse(descriptionSchema, inNewForm(document));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new PackageError(
    `${path} is not a package that can be used (bioimageio.spec 0.4 and 0.5): ${v.getDotPath(issue) ?? ""} ${issue.message}.`,
  );
}

async function inFolder(path: string, folder: string): Promise<ZooPackage> {
  const names = path === folder ? DESCRIPTIONS : [basename(path)];
  for (const name of names) {
    const text = await readText(join(folder, name), MOST_DESCRIPTION).catch((error: unknown) => {
      if (!(error instanceof DamagedFileError)) throw error;
      throw new PackageError(`${join(folder, name)} ${error.message}.`);
    });
    if (text === undefined) continue;
    return {
      path,
      description: described(path, text),
      copy: async (file, to, sha256) => {
        const source = join(folder, checkedName(path, file));
        if (!liesInside(source, folder)) throw new PackageError(`${path}: ${file} lies outside the package.`);
        const { size } = await stat(source).catch(() => ({ size: undefined }));
        if (size === undefined) throw new PackageError(`${path} has no ${file}.`);
        await copied(path, file, createReadStream(source), to, sha256);
      },
    };
  }
  throw new PackageError(`${path} is not a package of the BioImage Model Zoo: it has no ${DESCRIPTIONS[0]}.`);
}

async function inZip(path: string): Promise<ZooPackage> {
  const text = await fromZip(
    path,
    ({ fileName }) => DESCRIPTIONS.includes(fileName),
    async (entry, open) => {
      if (entry.uncompressedSize > MOST_DESCRIPTION)
        throw new PackageError(`${path}: its description is too large.`);
      const chunks: Buffer[] = [];
      for await (const chunk of await open()) chunks.push(chunk);
      return Buffer.concat(chunks).toString("utf8");
    },
  );
  if (text === undefined)
    throw new PackageError(
      `${path} is not a package of the BioImage Model Zoo: it has no ${DESCRIPTIONS[0]}.`,
    );
  return {
    path,
    description: described(path, text),
    copy: async (file, to, sha256) => {
      const name = checkedName(path, file);
      const done = await fromZip(
        path,
        ({ fileName }) => fileName === name,
        async (_, open) => {
          await copied(path, file, await open(), to, sha256);
          return true;
        },
      );
      if (done === undefined) throw new PackageError(`${path} has no ${file}.`);
    },
  };
}

/** Reads one entry of a ZIP file; undefined if there is none. yauzl refuses names that lead out of a folder. */
async function fromZip<T>(
  path: string,
  wanted: (entry: Entry) => boolean,
  read: (entry: Entry, open: () => Promise<NodeJS.ReadableStream & AsyncIterable<Buffer>>) => Promise<T>,
): Promise<T | undefined> {
  try {
    const zip = await openPromise(path, { lazyEntries: true, autoClose: false });
    try {
      if (zip.entryCount > MOST_ENTRIES) throw new PackageError(`${path} has ${zip.entryCount} files.`);
      for await (const entry of zip.eachEntry())
        if (wanted(entry)) return await read(entry, () => zip.openReadStreamPromise(entry));
      return undefined;
    } finally {
      zip.close();
    }
  } catch (error) {
    if (error instanceof PackageError) throw error;
    throw new PackageError(`${path} is not a ZIP file, or is damaged: ${errorMessage(error)}.`);
  }
}

/** Returns a file's name in the package, such as `weights.pt`. Throws {@link PackageError} for addresses and paths outside it. */
function checkedName(path: string, name: string): string {
  const why = validateFileName(name);
  if (why === null && !/^[a-z]+:/i.test(name)) return name;
  throw new PackageError(`${path}: ${name} is not in the package. Download the package as a whole.`);
}

async function copied(
  path: string,
  name: string,
  source: NodeJS.ReadableStream,
  to: string,
  sha256: string | null | undefined,
): Promise<void> {
  const found = await copyStream(source, to, {
    most: MOST_WEIGHTS,
    tooLarge: () => new PackageError(`${path}: ${name} is too large.`),
    overwrite: false,
  });
  if (typeof sha256 === "string" && found !== sha256)
    throw new PackageError(`${path}: ${name} is damaged: its checksum is not what the description says.`);
}
