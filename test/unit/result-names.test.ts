/** Names of results, and which ground truth belongs to which image. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { namedLike } from "../../src/workflow/ground-truth.ts";
import { resultNames } from "../../src/workflow/result-names.ts";

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

test("ground truth has its image's name with the extension, else without", () => {
  assert.deepEqual(namedLike(["gt/a.png", "gt/a.tif"], "raw/a.tif"), ["gt/a.tif"]);
  assert.deepEqual(namedLike(["gt/a.png", "gt/b.tif"], "raw/a.tif"), ["gt/a.png"]);
  assert.deepEqual(namedLike(["gt/a.png", "gt/a.tif"], "raw/a.h5"), ["gt/a.png", "gt/a.tif"]);
});
