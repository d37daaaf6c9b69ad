/** Names of results, and which ground truth belongs to which image. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageInfo } from "../../src/images/image.ts";
import { namedLike } from "../../src/workflow/ground-truth.ts";
import { nameProblem, resultNames } from "../../src/workflow/result-names.ts";

test("results are named as BiaPy names them where no two images would share a name", () => {
  assert.deepEqual(resultNames(["in/a.tif", "in/b.ome.tif", "in/c.nii.gz"]), ["a", "b.ome", "c.nii"]);
});

test("no two images of a folder have results of one name", () => {
  for (const paths of [
    ["a.png", "a.tif", "b.tif"],
    ["a.png", "a.png.tif", "a.tif"],
    ["A.tif", "a.png"],
    ["a.png", "a.tif", "a.png.tif", "a.png.tif.jpg"],
  ]) {
    const names = resultNames(paths);
    assert.equal(new Set(names.map((name) => name.toLowerCase())).size, paths.length, names.join(", "));
  }
  assert.deepEqual(resultNames(["a.png", "a.tif", "b.tif"]), ["a.png", "a.tif", "b"]);
});

test("an image is refused whose results would have longer names than file systems take", () => {
  const info = (name: string): ImageInfo => ({
    path: `in/${name}.tif`,
    shape: [1, 8, 8, 1],
    sampleType: "uint8",
  });
  assert.equal(nameProblem(info("n".repeat(205))), undefined);
  assert.match(
    nameProblem(info("n".repeat(206)))?.message ?? "",
    /too long.*at most 205 letters.*it has 206/,
  );
  assert.match(nameProblem(info("é".repeat(110)))?.message ?? "", /it has 220/);
});

test("ground truth has its image's name with the extension, else without", () => {
  assert.deepEqual(namedLike(["gt/a.png", "gt/a.tif"], "raw/a.tif"), ["gt/a.tif"]);
  assert.deepEqual(namedLike(["gt/a.png", "gt/b.tif"], "raw/a.tif"), ["gt/a.png"]);
  assert.deepEqual(namedLike(["gt/a.png", "gt/a.tif"], "raw/a.h5"), ["gt/a.png", "gt/a.tif"]);
});
