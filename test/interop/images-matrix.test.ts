/** Every pixel of a thousand files, made and judged by tifffile, zarr, h5py, nibabel and imageio; or a refusal in words. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readNpy } from "../../src/checkpoint/npy.ts";
import { openImage } from "../../src/images/files.ts";
import { type Image, ImageError } from "../../src/images/image.ts";

const python = process.env.BIAPY_PYTHON;
const skip = python ? false : "BIAPY_PYTHON is not set";
const LEAST_FILES = 1000;
/** Subsampled chrominance is not stored: decoders come near what was meant. */
const NEAR = 4;

let folder = "";

before(async () => {
  if (python === undefined) return;
  folder = await mkdtemp(join(tmpdir(), "matrix-"));
  const script = join(import.meta.dirname, "images-matrix.py");
  execFileSync(python, ["-W", "ignore", script, folder], { stdio: ["ignore", "ignore", "inherit"] });
});

after(async () => {
  if (folder !== "") await rm(folder, { recursive: true });
});

async function read(path: string): Promise<Image> {
  const source = await openImage(path);
  try {
    return await source.read();
  } finally {
    await source.close();
  }
}

/** What is wrong with a file's pixels; undefined where they are right. */
async function fault(name: string): Promise<string | undefined> {
  const right = await readNpy(join(folder, `${name}.npy`));
  const image = await read(join(folder, name));
  if (String(image.shape) !== String(right.shape)) return `${image.shape} instead of ${right.shape}`;
  const most = name.includes(".near.") ? NEAR : 0;
  for (let at = 0; at < image.data.length; at++) {
    const [found, meant] = [image.data[at], Number(right.data[at])];
    if (!(Math.abs(found - meant) <= most)) return `${found} instead of ${meant} at ${at}`;
  }
  return undefined;
}

test("every pixel is the one that was written, or the file is refused in words", {
  skip,
  timeout: 600_000,
}, async () => {
  const files = await readdir(folder);
  const names = (suffix: string) =>
    files
      .filter((file) => file.endsWith(suffix))
      .map((file) => file.slice(0, -suffix.length))
      .filter((name) => existsSync(join(folder, name)));
  const faults: string[] = [];
  for (const name of names(".npy")) {
    const found = await fault(name).catch((error: Error) => error.message);
    if (found !== undefined) faults.push(`${name}: ${found}`);
  }
  for (const name of names(".refused")) {
    const words = new RegExp(await readFile(join(folder, `${name}.refused`), "utf8"));
    const found = await read(join(folder, name)).then(
      () => "was read",
      (error: unknown) => {
        const named = error instanceof ImageError && error.message.includes(name);
        return named && words.test(error.message) ? undefined : `refused as: ${error}`;
      },
    );
    if (found !== undefined) faults.push(`${name}: ${found}, not ${words}`);
  }
  const count = names(".npy").length + names(".refused").length;
  console.log(`${count} files: ${names(".npy").length} read, ${names(".refused").length} refused`);
  assert.deepEqual(faults, []);
  assert.ok(count >= LEAST_FILES, `${count} files`);
});
