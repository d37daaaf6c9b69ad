/** Which masks a network can learn from. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageSource } from "../../src/images/image.ts";
import { MaskCheck } from "../../src/workflow/tasks/masks.ts";

/** A mask in memory whose rows have one value each. */
function maskOf(rows: readonly number[]): ImageSource {
  const width = 4;
  const shape = [1, rows.length, width, 1] as const;
  const data = Uint32Array.from({ length: rows.length * width }, (_, at) => rows[Math.floor(at / width)]);
  return {
    info: { path: "mask.tif", shape, sampleType: "uint32" },
    description: {
      format: "",
      axes: "YX",
      axesReason: "",
      storedShape: [rows.length, width],
      storedType: "uint32",
      compression: "none",
      others: [],
    },
    piece: [1, rows.length, width],
    read: async () => ({ shape, sampleType: "uint32", data }),
    close: async () => {},
  };
}

const check = (classes: number, ignored?: number) => new MaskCheck({ classes, ignored }, () => {});

test("a mask of background and ignored pixels is accepted among others", async () => {
  const masks = check(2, 255);
  assert.equal(await masks.check(maskOf([0, 255])), undefined);
  assert.match(
    masks.ignoredForeground() ?? "",
    /the mask has 0 and 255 only, .* Set LOSS.IGNORE_INDEX to -1/,
  );
  assert.equal(await masks.check(maskOf([0, 1, 255])), undefined);
  assert.equal(masks.ignoredForeground(), undefined);
  assert.equal(masks.nothingToLearn(), undefined);
});

test("masks may number hundreds of thousands of objects", async () => {
  const objects = Array.from({ length: 300_000 }, (_, at) => at);
  assert.equal(await check(2).check(maskOf(objects)), undefined);
  assert.match((await check(3).check(maskOf(objects))) ?? "", /Set DATA.N_CLASSES to 300000/);
});
