import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { listImages, openImage, readImage } from "../../src/images/files.ts";
import {
  type Image,
  ImageError,
  type ImageShape,
  type Region,
  type SampleType,
  sampleArray,
} from "../../src/images/image.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = fileURLToPath(new URL("../fixtures/images/", import.meta.url));

/** The formula of make_images.py, of a region of an image. */
function formulaImage(shape: ImageShape, sampleType: SampleType, start: Region["start"] = [0, 0, 0]): Image {
  const [depth, height, width, channels] = shape;
  const data = sampleArray(sampleType, depth * height * width * channels);
  let at = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let c = 0; c < channels; c++)
          data[at++] = 1 + (start[2] + x) + 7 * (start[1] + y) + 31 * (start[0] + z) + 13 * c;
  return { shape, sampleType, data };
}

const FILES: Record<string, [ImageShape, SampleType]> = {
  ...Object.fromEntries(
    (["uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64"] as const).map((type) => [
      `type_${type}.tif`,
      [[1, 5, 7, 1], type] as [ImageShape, SampleType],
    ]),
  ),
  "compressed_none.tif": [[1, 17, 23, 1], "uint16"],
  "compressed_lzw.tif": [[1, 17, 23, 1], "uint16"],
  "compressed_zlib.tif": [[1, 17, 23, 1], "uint16"],
  "compressed_packbits.tif": [[1, 17, 23, 1], "uint16"],
  "predictor.tif": [[1, 17, 23, 1], "uint16"],
  "float_predictor.tif": [[1, 17, 23, 1], "float32"],
  "tiled_lzw_planar.tif": [[1, 40, 50, 3], "uint8"],
  "tiled.tif": [[1, 40, 50, 1], "uint16"],
  "big_endian.tif": [[1, 17, 23, 1], "uint16"],
  "strips.tif": [[1, 17, 23, 1], "uint16"],
  "bigtiff.tif": [[3, 17, 23, 1], "uint16"],
  "pages.tif": [[3, 17, 23, 1], "uint16"],
  "rgb.tif": [[1, 17, 23, 3], "uint8"],
  "planar.tif": [[1, 17, 23, 3], "uint8"],
  "imagej_zc.tif": [[3, 17, 23, 2], "uint16"],
  "imagej_time.tif": [[3, 17, 23, 1], "uint8"],
  "imagej_float.tif": [[3, 17, 23, 1], "float32"],
  "imagej_one_page.tif": [[3, 17, 23, 1], "uint16"],
  "ome_czyx.ome.tif": [[3, 17, 23, 2], "uint16"],
  "ome_zcyx.ome.tif": [[3, 17, 23, 2], "uint16"],
};

for (const [name, [shape, sampleType]] of Object.entries(FILES)) {
  test(`${name} is read with its axes and pixel type`, async () => {
    assert.deepEqual(await readImage(join(folder, name)), formulaImage(shape, sampleType));
  });

  test(`a region of ${name} equals that part of the whole image`, async () => {
    const source = await openImage(join(folder, name));
    const [z, y, x, channels] = shape;
    const start = [z - 1, 1, 2] as const;
    const image = await source.read({ start, end: [z, y - 1, x - 1] });
    assert.deepEqual(image, formulaImage([1, y - 2, x - 3, channels], sampleType, start));
    await source.close();
  });
}

for (const [name, words] of [
  ["broken_cut_short.tif", /damaged|cut short/],
  ["broken_empty.tif", /empty/],
  ["broken_text.tif", /no TIFF/],
  ["time_series.tif", /2 time points of 3 slices/],
  ["missing.tif", /no such file/],
  ["broken_bzip2.h5", /\/data cannot be read.*stopped the HDF5 library/],
] as const) {
  test(`${name} is refused by name`, async () => {
    await assert.rejects(readImage(join(folder, name)), (error: unknown) => {
      assert.ok(error instanceof ImageError);
      assert.match(error.message, words);
      assert.doesNotMatch(error.message, /undefined|\[object/);
      assert.ok(error.message.includes(name));
      return true;
    });
  });
}

/** A file of the system (Linux) with fewer bytes than its size says, as one that is cut short while it is opened. */
const SHORT = "/sys/kernel/profiling";

test("a file that ends before its size is refused, and does not stay open", {
  skip: !existsSync(SHORT),
}, async () => {
  await assert.rejects(openImage(SHORT), /cut short/);
  const handles = await readdir("/proc/self/fd");
  const open = await Promise.all(
    handles.map((name) => readlink(join("/proc/self/fd", name)).catch(() => "")),
  );
  assert.ok(!open.includes(SHORT));
});

test("an HDF5 file that stops the library leaves those that are open readable", async () => {
  const source = await openImage(join(folder, "zyxc.h5"));
  const before = await source.read();
  await assert.rejects(readImage(join(folder, "broken_bzip2.h5")), ImageError);
  assert.deepEqual(await source.read(), before);
  await source.close();
});

test("written images are read back, and no temporary file stays", async () => {
  const target = temporaryFolder();
  for (const [name, shape, type] of [
    ["plane.tif", [1, 9, 11, 1], "uint8"],
    ["stack.tif", [4, 9, 11, 1], "uint16"],
    ["hyperstack.tif", [3, 9, 11, 2], "float32"],
  ] as const) {
    const image = formulaImage(shape, type);
    await writeTiff(join(target, name), image);
    assert.deepEqual(await readImage(join(target, name)), image);
  }
  assert.deepEqual((await readdir(target)).sort(), ["hyperstack.tif", "plane.tif", "stack.tif"]);
});

test("a folder lists its images in natural order", async () => {
  const target = temporaryFolder();
  for (const name of ["cell10.tif", "cell9.TIFF", "notes.txt", ".hidden.tif"])
    await writeFile(join(target, name), "");
  assert.deepEqual(
    (await listImages(target)).map((path) => basename(path)),
    ["cell9.TIFF", "cell10.tif"],
  );
});

test("the error of a folder without images names what it holds", async () => {
  const target = temporaryFolder();
  await assert.rejects(listImages(target), /it is empty/);
  await writeFile(join(target, "notes.txt"), "");
  await assert.rejects(listImages(target), /notes\.txt/);
  await assert.rejects(listImages(join(target, "nowhere")), /no such folder/);
});
