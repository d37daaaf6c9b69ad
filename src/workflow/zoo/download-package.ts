/** Downloads a package of the BioImage Model Zoo by its id or DOI: the description and the files that this engine uses. Each is kept. */

import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { closest, distance } from "fastest-levenshtein";
import * as v from "valibot";
import { stringify } from "yaml";
import { doiOf } from "../../config/zoo-settings.ts";
import { at } from "../../facts/checked-lists.ts";
import { isStop } from "../../facts/errors.ts";
import { reportPace } from "../../facts/report-pace.ts";
import type { ReportEvent } from "../../facts/run-events.ts";
import { downloadFile, downloadText, InstallError } from "../../install/download.ts";
import { installFolder } from "../../install/installed-folder.ts";
import { storageFolder } from "../../install/storage.ts";
import {
  MOST_DESCRIPTION,
  MOST_WEIGHTS,
  PackageError,
  parsedDescription,
  readDescription,
} from "./read-package.ts";
import { unusable, usedWeights } from "./used-weights.ts";

/** Returns the address of the Zoo's collection. The Zoo's own program reads the same variable. */
const collection = () =>
  process.env.BIOIMAGEIO_COLLECTION_HTTP_PATTERN ||
  "https://hypha.aicell.io/bioimage-io/artifacts/{bioimageio_id}/files/rdf.yaml";

/** A list of descriptions by id, DOI and nickname, for what the collection does not answer. The Zoo's own program reads the same variable. */
const idMap = () =>
  process.env.BIOIMAGEIO_ID_MAP || "https://uk1s3.embassy.ebi.ac.uk/public-datasets/bioimage.io/id_map.json";

const ELSEWHERE =
  "Or download the package as a ZIP file on another computer (bioimage.io), and name the file by MODEL.BMZ.SOURCE_MODEL_ID.";

interface Watch {
  readonly report: ReportEvent;
  readonly signal: AbortSignal;
}

/**
 * Returns the folder of a package, downloaded on first use.
 *
 * @param named an id or DOI, such as `affable-shark` or `10.5281/zenodo.5764892`
 * @param wanted the weights; those that this engine uses first if not given
 * @throws {PackageError} if it cannot be had, and the signal's reason when aborted
 */
export async function downloadPackage(
  named: string,
  { report, signal }: Watch,
  wanted?: "onnx",
): Promise<string> {
  const id = doiOf(named) ?? named;
  const folder = join(
    storageFolder(),
    "zoo",
    [id.replaceAll("/", "_"), ...(wanted ? [wanted] : [])].join("."),
  );
  try {
    return await installFolder(folder, id, async (temporary) => {
      report({ event: "log", level: "info", message: `Downloading the package ${id}.` });
      const { text, address } = await foundDescription(id, signal);
      const document = parsedDescription(id, text);
      const isDue = reportPace();
      const download = async (file: PackageFile) =>
        downloadFile(addressOf(id, file, address), join(temporary, nameOf(file)), {
          sha256: file.sha256 ?? undefined,
          signal,
          most: MOST_WEIGHTS,
          progress: (done, total) => {
            if (done !== total && !isDue()) return;
            const label = `Downloading ${nameOf(file)} of ${id}`;
            report({ event: "progress", label, done, total: total ?? done });
          },
        });
      const { weights, testOutput } = usedFiles(id, document, wanted);
      for (const file of weights) await download(file);
      if (testOutput != null)
        await download(testOutput).catch((error: unknown) => {
          if (!(error instanceof InstallError || error instanceof PackageError)) throw error;
          const message = `${id} is used without its test output: ${error.message}`;
          report({ event: "log", level: "warning", message });
        });
      await writeFile(join(temporary, "rdf.yaml"), stringify(withLocalFiles(document)));
    });
  } catch (error) {
    if (error instanceof InstallError) throw new PackageError(`${error.message} ${ELSEWHERE}`);
    throw error;
  }
}

/** Downloads a description: by the id from the collection; what that does not have, and DOIs, by the list. */
async function foundDescription(id: string, signal: AbortSignal): ReturnType<typeof downloadText> {
  if (doiOf(id) !== undefined) return listedDescription(id, await zooList(signal), signal);
  try {
    return await downloadText(collection().replace("{bioimageio_id}", id), MOST_DESCRIPTION, signal);
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    const list = await zooList(signal).catch((later: unknown) => {
      if (isStop(later, signal)) throw later;
    });
    // An unreachable list says nothing about the package.
    if (list === undefined) throw error;
    if (!Object.hasOwn(list.entries, id)) throw new InstallError(`${error.message} ${notListed(id, list)}`);
    return listedDescription(id, list, signal);
  }
}

interface ZooList {
  readonly host: string;
  readonly entries: v.InferOutput<typeof entries>;
}

const entries = v.record(v.string(), v.unknown());
const listedFile = v.object({ source: v.pipe(v.string(), v.url()), sha256: v.nullish(v.string()) });

async function zooList(signal: AbortSignal): Promise<ZooList> {
  const { text, address } = await downloadText(idMap(), MOST_LIST, signal);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), entries), text);
  if (!parsed.success) throw new InstallError(`${address} is not the list of the BioImage Model Zoo.`);
  return { host: new URL(address).host, entries: parsed.output };
}

async function listedDescription(
  id: string,
  list: ZooList,
  signal: AbortSignal,
): ReturnType<typeof downloadText> {
  if (!Object.hasOwn(list.entries, id)) throw new InstallError(notListed(id, list));
  const entry = v.safeParse(listedFile, list.entries[id]);
  if (!entry.success)
    throw new InstallError(
      `The list of the BioImage Model Zoo (${list.host}) has no address of the description of ${id}.`,
    );
  const { source, sha256: wanted } = entry.output;
  const found = await downloadText(source, MOST_DESCRIPTION, signal);
  const sha256 = createHash("sha256").update(found.text).digest("hex");
  if (wanted != null && wanted !== sha256)
    throw new InstallError(`${source} is not the description of ${id}: its SHA-256 differs.`);
  return found;
}

/** Largest list of packages, in bytes. */
const MOST_LIST = 2 ** 24;

function notListed(id: string, { host, entries }: ZooList): string {
  const message = `${id} is not in the list of the BioImage Model Zoo (${host}).`;
  const ids = Object.keys(entries);
  // A DOI that differs in one digit is another work.
  if (doiOf(id) !== undefined || ids.length === 0) return message;
  const near = closest(id, ids);
  return distance(id, near) <= 3 ? `${message} Did you mean ${near}?` : message;
}

interface PackageFile {
  readonly source: string;
  readonly sha256?: string | null;
}

/** Returns a file's local name, without the folders of its address; empty if this is not the address of a file. */
function nameOf({ source }: Pick<PackageFile, "source">): string {
  return URL.canParse(source, "file:///") ? basename(new URL(source, "file:///").pathname) : "";
}

/** Returns the address of a file, which may be relative to that of the description. Throws {@link PackageError}. */
function addressOf(id: string, file: PackageFile, base: string): string {
  const address = URL.canParse(file.source, base) ? new URL(file.source, base) : undefined;
  if (address !== undefined && /^https?:$/.test(address.protocol) && nameOf(file) !== "") return address.href;
  throw new PackageError(`${id}: ${file.source} is not the address of a file.`);
}

interface UsedFiles {
  readonly weights: readonly PackageFile[];
  /** Of a network in ONNX. */
  readonly testOutput?: PackageFile | null | undefined;
}

/** Returns files with the names and checksums of the description. Throws {@link PackageError} if there are no weights. */
function usedFiles(id: string, document: unknown, wanted?: "onnx"): UsedFiles {
  const description = readDescription(id, document);
  const { pytorch_state_dict: torch, onnx } = description.weights;
  const used = wanted ?? usedWeights(description);
  if (used === "pytorch_state_dict" && torch != null) return { weights: [torch] };
  if (used !== "onnx" || onnx == null) throw new PackageError(unusable(id, description));
  const weights = [onnx, ...(onnx.external_data == null ? [] : [onnx.external_data])];
  return { weights, testOutput: at(description.outputs, 0).test_tensor };
}

/** A description with weights and outputs. {@link readDescription} has validated those that are used. */
const withFiles = v.looseObject({
  weights: v.record(v.string(), v.unknown()),
  outputs: v.optional(v.array(v.unknown()), []),
  test_outputs: v.optional(v.unknown()),
});
const withSource = v.looseObject({ source: v.string() });
const withTensor = v.looseObject({ test_tensor: v.unknown() });

/** Returns the description with the local names of files instead of addresses. */
function withLocalFiles(document: unknown): object {
  const { weights, outputs, test_outputs: tested, ...others } = v.parse(withFiles, document);
  const local = Object.entries(weights).map(([name, file]) => [name, withLocalName(file)]);
  return {
    ...others,
    weights: Object.fromEntries(local),
    outputs: outputs.map((each) => {
      const parsed = v.safeParse(withTensor, each);
      return parsed.success
        ? { ...parsed.output, test_tensor: withLocalName(parsed.output.test_tensor) }
        : each;
    }),
    ...(Array.isArray(tested) && {
      test_outputs: tested.map((source) => nameOf({ source: String(source) })),
    }),
  };
}

function withLocalName(file: unknown): unknown {
  const parsed = v.safeParse(withSource, file);
  if (!parsed.success) return file;
  const own = { ...parsed.output, source: nameOf(parsed.output) };
  return "external_data" in own ? { ...own, external_data: withLocalName(own.external_data) } : own;
}
