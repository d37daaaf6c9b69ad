/** Downloads a package of the BioImage Model Zoo by its id: the description and the weights that this engine uses. Each is kept. */

import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { stringify } from "yaml";
import { reportPace } from "../../facts/report-pace.ts";
import { downloadFile, downloadText, InstallError } from "../../install/download.ts";
import { installFolder } from "../../install/installed-folder.ts";
import { storageFolder } from "../../install/storage.ts";
import type { ReportEvent } from "../../results/reporters.ts";
import {
  MOST_DESCRIPTION,
  MOST_WEIGHTS,
  PackageError,
  parsedDescription,
  readDescription,
} from "./read-package.ts";
import { unusable, usedWeights } from "./used-weights.ts";

/** Where the Zoo's collection is. The Zoo's own program reads the same variable. */
const collection = () =>
  process.env.BIOIMAGEIO_COLLECTION_HTTP_PATTERN ||
  "https://hypha.aicell.io/bioimage-io/artifacts/{bioimageio_id}/files/rdf.yaml";

const ELSEWHERE =
  "Or download the package as a ZIP file on another computer (bioimage.io), and name the file by MODEL.BMZ.SOURCE_MODEL_ID.";

/**
 * Returns the folder of a package, downloaded on first use.
 *
 * @param id such as `affable-shark`
 * @throws {PackageError} if it cannot be had, and the signal's reason when aborted
 */
export async function downloadPackage(
  id: string,
  { report, signal }: { readonly report: ReportEvent; readonly signal: AbortSignal },
): Promise<string> {
  const folder = join(storageFolder(), "zoo", id.replaceAll("/", "_"));
  try {
    return await installFolder(folder, id, async (temporary) => {
      report({ event: "log", level: "info", message: `Downloading the package ${id}.` });
      const collected = collection().replace("{bioimageio_id}", id);
      const { text, address } = await downloadText(collected, MOST_DESCRIPTION, signal);
      const document = parsedDescription(id, text);
      const isDue = reportPace();
      for (const file of usedFiles(id, document))
        await downloadFile(addressOf(id, file, address), join(temporary, nameOf(file)), {
          sha256: file.sha256 ?? undefined,
          signal,
          most: MOST_WEIGHTS,
          progress: (done, total) => {
            if (done !== total && !isDue()) return;
            const label = `Downloading ${nameOf(file)} of ${id}`;
            report({ event: "progress", label, done, total: total ?? done });
          },
        });
      await writeFile(join(temporary, "rdf.yaml"), stringify(withLocalFiles(document)));
    });
  } catch (error) {
    if (error instanceof InstallError) throw new PackageError(`${error.message} ${ELSEWHERE}`);
    throw error;
  }
}

interface PackageFile {
  source: string;
  readonly sha256?: string | null;
}

/** Names without folders: addresses lie anywhere. Empty for what is not the address of a file. */
function nameOf({ source }: PackageFile): string {
  return URL.canParse(source, "file:///") ? basename(new URL(source, "file:///").pathname) : "";
}

/** The address of a file, which may be relative to that of the description. Throws {@link PackageError}. */
function addressOf(id: string, file: PackageFile, base: string): string {
  const address = URL.canParse(file.source, base) ? new URL(file.source, base) : undefined;
  if (address !== undefined && /^https?:$/.test(address.protocol) && nameOf(file) !== "") return address.href;
  throw new PackageError(`${id}: ${file.source} is not the address of a file.`);
}

/** The weights that this engine uses, with the names and checksums of the description. Throws {@link PackageError} if there are none. */
function usedFiles(id: string, document: unknown): PackageFile[] {
  const description = readDescription(id, document);
  const { pytorch_state_dict: torch, onnx } = description.weights;
  const used = usedWeights(description);
  if (used.length === 0) throw new PackageError(unusable(id, description));
  return [
    ...(used.includes("pytorch_state_dict") ? [torch ?? []].flat() : []),
    ...(used.includes("onnx") && onnx != null ? [onnx, ...[onnx.external_data ?? []].flat()] : []),
  ];
}

/** The description with the local names of weights instead of addresses. */
function withLocalFiles(document: unknown): unknown {
  const changed = structuredClone(document) as {
    weights: Record<string, (PackageFile & { external_data?: PackageFile }) | null>;
  };
  for (const each of Object.values(changed.weights)) {
    if (each === null || typeof each !== "object" || typeof each.source !== "string") continue;
    each.source = nameOf(each);
    if (typeof each.external_data?.source === "string")
      each.external_data.source = nameOf(each.external_data);
  }
  return changed;
}
