/** Downloads and unpacks Python wheels, which contain NVIDIA's and TensorFlow's libraries. Needs no Python. */
import { createWriteStream } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import * as v from "valibot";
import { type Entry, open, type ZipFile } from "yauzl";
import { at } from "../facts/checked-lists.ts";
import { downloadFile, fetched, InstallError } from "./download.ts";

/** A wheel with its expected checksum. */
export interface Wheel {
  readonly project: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface InstallProgress {
  readonly signal: AbortSignal;
  /** Reports that `done` of `total` bytes are downloaded. */
  readonly report: (label: string, done: number, total: number) => void;
}

export const bytesOf = (wheels: readonly Wheel[]) => wheels.reduce((sum, { bytes }) => sum + bytes, 0);

/** Returns the index of Python packages: pip's setting PIP_INDEX_URL. Defaults to the public index. */
function packageIndex(): string {
  return (process.env.PIP_INDEX_URL || "https://pypi.org/simple").replace(/\/$/, "");
}

/** A project's page in the index, as JSON (PEP 691). */
const projectPage = v.object({ files: v.array(v.object({ filename: v.string(), url: v.string() })) });

/** Returns the address of a wheel from its project's page in the index (PEP 503 and PEP 691). */
async function wheelAddress({ project, file }: Wheel, signal: AbortSignal): Promise<string> {
  const address = `${packageIndex()}/${project}/`;
  const accept = "application/vnd.pypi.simple.v1+json, text/html;q=0.5";
  const response = await fetched(address, signal, { accept });
  const base = response.url || address;
  if (response.headers.get("content-type")?.includes("json")) {
    const page = v.safeParse(projectPage, await response.json());
    const files = page.success ? page.output.files : [];
    const found = files.find(({ filename }) => filename === file);
    if (found !== undefined) return new URL(found.url, base).href;
  } else {
    const matches = (await response.text()).matchAll(/href="([^"#]+)[^"]*"/g);
    const links = [...matches].map(([, link = ""]) => link);
    const found = links.find((link) => decodeURIComponent(link).endsWith(`/${file}`));
    if (found !== undefined) return new URL(found.replaceAll("&amp;", "&"), base).href;
  }
  throw new InstallError(
    `${new URL(address).host} has no ${file}. It may have been withdrawn: look for an update of BiaPy Studio.`,
  );
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
  await mkdir(folder, { recursive: true });
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
  progress: (bytes: number) => void,
): Promise<void> {
  const address = await wheelAddress(wheel, signal);
  await downloadFile(address, path, { sha256: wheel.sha256, signal, progress });
}

const openZip = promisify<string, { lazyEntries: true }, ZipFile>(open);

async function unpackWheel(
  path: string,
  folder: string,
  place: (name: string) => string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const zip = await openZip(path, { lazyEntries: true });
  await new Promise<void>((resolve, reject) => {
    zip.on("error", reject);
    zip.on("end", resolve);
    zip.on("entry", (entry: Entry) => {
      const target = entry.fileName.endsWith("/") ? undefined : place(entry.fileName);
      const written =
        target === undefined ? Promise.resolve() : writeEntry(zip, entry, join(folder, target), signal);
      written.then(() => zip.readEntry(), reject);
    });
    zip.readEntry();
  });
}

async function writeEntry(zip: ZipFile, entry: Entry, path: string, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const stream = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  await pipeline(stream, createWriteStream(path), { signal });
  const { size } = await stat(path);
  if (size !== entry.uncompressedSize)
    throw new InstallError(`${entry.fileName} could not be unpacked completely.`);
}
