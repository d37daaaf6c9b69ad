/** Downloads and unpacks Python wheels, which contain NVIDIA's and TensorFlow's libraries. Needs no Python. */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import * as v from "valibot";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import { at } from "../facts/checked-lists.ts";
import { createFolder } from "../facts/files/create-folder.ts";
import { downloadFile, downloadText, InstallError } from "./download.ts";

/** A wheel with its expected checksum. */
export interface Wheel {
  readonly project: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Observes an installation, and can stop it. */
export interface InstallProgress {
  readonly signal: AbortSignal;
  /** Reports how far an installation is: `done` of `total`, in bytes for downloads. */
  readonly report: (label: string, done: number, total: number) => void;
}

/** Returns the total size of the downloads. */
export const bytesOf = (wheels: readonly Wheel[]) => wheels.reduce((sum, { bytes }) => sum + bytes, 0);

/** Returns the index of Python packages: pip's setting PIP_INDEX_URL. Defaults to the public index. */
function packageIndex(): string {
  return (process.env.PIP_INDEX_URL || "https://pypi.org/simple").replace(/\/$/, "");
}

/** Largest page of a project, in bytes. */
const MOST_PAGE = 2 ** 26;
/** A project's page in the index, as JSON (PEP 691). */
const projectPage = v.object({ files: v.array(v.object({ filename: v.string(), url: v.string() })) });

/** Returns the address of a wheel from its project's page in the index (PEP 503 and PEP 691). Throws {@link InstallError}. */
async function wheelAddress({ project, file }: Wheel, signal: AbortSignal): Promise<string> {
  const page = await downloadText(`${packageIndex()}/${project}/`, MOST_PAGE, signal, {
    accept: "application/vnd.pypi.simple.v1+json, text/html;q=0.5",
  });
  const link = page.text.trimStart().startsWith("{")
    ? linkInJson(page.text, file)
    : linkInHtml(page.text, file);
  if (link !== undefined && URL.canParse(link, page.address)) return new URL(link, page.address).href;
  throw new InstallError(
    `${new URL(page.address).host} has no ${file}. It may have been withdrawn: look for an update of BiaPy Studio.`,
  );
}

function linkInJson(text: string, file: string): string | undefined {
  const page = v.safeParse(v.pipe(v.string(), v.parseJson(), projectPage), text);
  return page.success ? page.output.files.find(({ filename }) => filename === file)?.url : undefined;
}

function linkInHtml(text: string, file: string): string | undefined {
  const links = [...text.matchAll(/href="([^"#]+)[^"]*"/g)].map(([, link = ""]) => link);
  // Wheels are named by letters, digits and `_.-+`: of these, only the plus may be escaped.
  const found = links.find((link) => link.replaceAll(/%2b/gi, "+").endsWith(`/${file}`));
  return found?.replaceAll("&amp;", "&");
}

/**
 * Downloads wheels and unpacks some of their files into a folder. Throws {@link InstallError}.
 *
 * @param place the path within `folder` that a file of a wheel goes to, or undefined to leave it out
 */
export async function installWheels(
  wheels: readonly Wheel[],
  folder: string,
  place: (name: string) => string | undefined,
  progress: InstallProgress,
): Promise<void> {
  const downloads = join(folder, "wheels");
  const paths = await fetchWheels(wheels, downloads, progress);
  for (const [index, path] of paths.entries()) {
    progress.report(`Unpacking ${at(wheels, index).project}`, index, paths.length);
    await unpackWheel(path, folder, place, progress.signal);
    await rm(path);
  }
  await rm(downloads, { recursive: true, force: true });
}

async function fetchWheels(
  wheels: readonly Wheel[],
  folder: string,
  { signal, report }: InstallProgress,
): Promise<string[]> {
  await createFolder(folder);
  const total = bytesOf(wheels);
  const paths: string[] = [];
  let before = 0;
  for (const wheel of wheels) {
    const path = join(folder, wheel.file);
    const start = before;
    await fetchWheel(wheel, path, signal, (done) =>
      report(`Downloading ${wheel.project}`, start + done, total),
    );
    before += wheel.bytes;
    paths.push(path);
  }
  return paths;
}

async function fetchWheel(
  wheel: Wheel,
  path: string,
  signal: AbortSignal,
  progress: (received: number) => void,
): Promise<void> {
  const address = await wheelAddress(wheel, signal);
  await downloadFile(address, path, { sha256: wheel.sha256, signal, progress });
}

async function unpackWheel(
  path: string,
  folder: string,
  place: (name: string) => string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const zip = await openPromise(path, { lazyEntries: true, autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      const target = entry.fileName.endsWith("/") ? undefined : place(entry.fileName);
      if (target !== undefined) await writeEntry(zip, entry, join(folder, target), signal);
    }
  } finally {
    // Windows deletes no open files.
    const closed = once(zip, "close");
    zip.close();
    await closed;
  }
}

async function writeEntry(zip: ZipFile, entry: Entry, path: string, signal: AbortSignal): Promise<void> {
  await createFolder(dirname(path));
  await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(path), { signal });
  const { size } = await stat(path);
  if (size !== entry.uncompressedSize)
    throw new InstallError(`${entry.fileName} could not be unpacked completely.`);
}
