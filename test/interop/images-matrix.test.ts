/** Every pixel of over 3000 files, written and judged by tifffile, zarr, h5py, nibabel and imageio; or a refusal in words. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { judgeImages } from "../support/image-judge.ts";
import { python, skip } from "./python.ts";

const SCRIPTS = [
  "images-matrix.py",
  "images-matrix-instruments.py",
  "images-matrix-arrays.py",
  "images-matrix-archives.py",
  "images-matrix-tiff-quirks.py",
  "images-matrix-array-quirks.py",
  "images-matrix-layouts.py",
  "images-matrix-rare.py",
  "images-matrix-programs.py",
];
const LEAST_FILES = 3200;

test("every pixel is the one that was written, or the file is refused in words", { skip }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "matrix-"));
  try {
    for (const name of SCRIPTS) {
      const script = join(import.meta.dirname, name);
      execFileSync(python, ["-W", "ignore", script, folder], {
        stdio: ["ignore", "ignore", "inherit"],
      });
    }
    const { read, refused, faults } = await judgeImages(folder);
    console.log(`${read} files read, ${refused} refused`);
    assert.deepEqual(faults, []);
    assert.ok(read + refused >= LEAST_FILES, `${read + refused} files`);
  } finally {
    await rm(folder, { recursive: true });
  }
});
