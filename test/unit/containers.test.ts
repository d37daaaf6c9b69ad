import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { zipSync } from "fflate";
import { listImages, openImage, readImage } from "../../src/images/files.ts";
import { createHdf5 } from "../../src/images/hdf5-writer.ts";
import { type Image, ImageError, type ImageShape } from "../../src/images/image.ts";
import { createZarr } from "../../src/images/zarr-writer.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/images/${name}`, import.meta.url));

/** The formula of make_containers.py, of a part of the volume. */
function part(start: readonly number[], shape: ImageShape): Image {
  const data = new Uint16Array(shape.reduce((product, size) => product * size, 1));
  let at = 0;
  for (let z = 0; z < shape[0]; z++)
    for (let y = 0; y < shape[1]; y++)
      for (let x = 0; x < shape[2]; x++)
        for (let channel = 0; channel < shape[3]; channel++)
          data[at++] = 1000 * (z + start[0]) + 100 * (y + start[1]) + 10 * (x + start[2]) + channel;
  return { shape, sampleType: "uint16", data };
}

for (const [name, channels, axes] of [
  ["v2-zyx.zarr", 1, undefined],
  ["v3-tzcyx.zarr", 2, "TZCYX"],
  ["ome.zarr", 2, "TZCYX"],
  ["zyxc.h5", 2, undefined],
] as const) {
  test(`${name}, written in Python, is read whole and by region`, async () => {
    const source = await openImage(fixture(name), { axes });
    assert.deepEqual(source.info.shape, [4, 5, 6, channels]);
    const whole = await source.read();
    assert.deepEqual([...whole.data], [...part([0, 0, 0], [4, 5, 6, channels]).data]);
    const region = await source.read({ start: [1, 2, 3], end: [4, 4, 6] });
    assert.deepEqual(region.shape, [3, 2, 3, channels]);
    assert.deepEqual([...region.data], [...part([1, 2, 3], [3, 2, 3, channels]).data]);
    await source.close();
  });
}

/** A folder's files by their paths inside it. */
async function filesOf(folder: string): Promise<Record<string, Uint8Array>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(
      paths.map(
        async (path) => [relative(folder, path).replaceAll("\\", "/"), await readFile(path)] as const,
      ),
    ),
  );
}

for (const [name, level] of [
  ["stored.zarr.zip", 0],
  ["deflated.ozx", 6],
] as const) {
  test(`${name}, an archive of a store, is read whole and by region, also with the store's folder in it`, async () => {
    const folder = temporaryFolder();
    const files = await filesOf(fixture("ome.zarr"));
    const path = join(folder, name);
    const resourceForks = { "__MACOSX/._cells.zarr": Buffer.from("Mac") };
    for (const content of [files, { "cells.zarr": files, ...resourceForks }]) {
      await writeFile(path, zipSync(content, { level }));
      assert.deepEqual(await listImages(folder), [path]);
      const source = await openImage(path);
      assert.deepEqual([...(await source.read()).data], [...part([0, 0, 0], [4, 5, 6, 2]).data]);
      const region = await source.read({ start: [1, 2, 3], end: [4, 4, 6] });
      assert.deepEqual([...region.data], [...part([1, 2, 3], [3, 2, 3, 2]).data]);
      await source.close();
    }
  });
}

test("an archive that is damaged or that is packed in another way is refused with the reason", async () => {
  const path = join(temporaryFolder(), "cells.zarr.zip");
  const archive = Buffer.from(zipSync(await filesOf(fixture("v2-zyx.zarr"))));
  const members: number[] = [];
  for (let at = archive.indexOf("PK\x01\x02"); at >= 0; at = archive.indexOf("PK\x01\x02", at + 1))
    members.push(at);
  const edited = (place: number, value: number) => {
    const copy = Buffer.from(archive);
    for (const member of members) copy.writeUInt16LE(value, member + place);
    return copy;
  };
  for (const [content, message] of [
    [
      archive.subarray(0, archive.length - 30),
      /^PATH: is a zip archive without its end: .* Copy it again\.$/,
    ],
    [edited(8, 1), /^PATH: its archive's \.zarray is encrypted\. Unpack the archive\.$/],
    [edited(10, 12), /^PATH: its archive's \.zarray is compressed by zip's method 12, which is not read\. /],
    [
      edited(16, 1),
      /^PATH: cannot be read as Zarr, or is damaged \(\.zarray in its archive does not fit its checksum\)/,
    ],
  ] as const) {
    await writeFile(path, content);
    await assert.rejects(readImage(path), (error) => {
      assert.ok(error instanceof ImageError);
      assert.match(error.message.replace(path, "PATH"), message);
      return true;
    });
  }
});

for (const [name, create] of [
  ["written.zarr", createZarr],
  ["written.h5", createHdf5],
] as const) {
  for (const axes of ["TZCYX", "TZYXC"]) {
    test(`${name} of axes ${axes} is written part by part and read back without a given order of axes`, async () => {
      const path = join(temporaryFolder(), name);
      const shape: ImageShape = [7, 9, 11, 2];
      const image = { shape, sampleType: "uint16", chunk: [4, 4, 4], axes } as const;
      const writer = await create(path, image);
      for (const z of [0, 4])
        for (const y of [0, 5]) {
          const size: ImageShape = [z === 0 ? 4 : 3, y === 0 ? 5 : 4, 11, 2];
          await writer.write([z, y, 0], part([z, y, 0], size));
        }
      // It has its name only when it is complete.
      await assert.rejects(readImage(path), /there is no such file/);
      await writer.close();
      assert.deepEqual(await readImage(path), part([0, 0, 0], shape));
      assert.deepEqual(await readdir(join(path, "..")), [name]);
      const given = await create(path, image);
      await given.write([0, 0, 0], part([1, 1, 1], [4, 4, 4, 2]));
      await given.discard();
      assert.deepEqual(await readImage(path), part([0, 0, 0], shape), "a discarded store changes nothing");
      assert.deepEqual(await readdir(join(path, "..")), [name]);
    });
  }
}

test("several runs write parts of one Zarr store, unless they were set up differently", async () => {
  const path = join(temporaryFolder(), "joined.zarr");
  const shape: ImageShape = [8, 5, 6, 1];
  const image = { shape, sampleType: "uint16", chunk: [4, 5, 6], axes: "TZCYX" } as const;
  for (const z of [4, 0]) {
    const writer = await createZarr(path, image, true);
    await writer.write([z, 0, 0], part([z, 0, 0], [4, 5, 6, 1]));
    await writer.close();
  }
  assert.deepEqual(await readImage(path), part([0, 0, 0], shape));
  const together = join(path, "..", "together.zarr");
  const writers = await Promise.all(
    [0, 4].map(async (z) => {
      const writer = await createZarr(together, image, true);
      await writer.write([z, 0, 0], part([z, 0, 0], [4, 5, 6, 1]));
      return writer;
    }),
  );
  await Promise.all(writers.map((writer) => writer.close()));
  assert.deepEqual(await readImage(together), part([0, 0, 0], shape), "both end at the same time");
  const other = await createZarr(path, { ...image, chunk: [2, 5, 6] }, true);
  await assert.rejects(other.close(), /other settings/);
  assert.deepEqual((await readdir(join(path, ".."))).sort(), ["joined.zarr", "together.zarr"]);
});

for (const wells of [[{ path: "." }], [{ path: "A" }]])
  test(`a Zarr plate whose well ${wells[0]?.path} names the plate itself is refused`, {
    timeout: 30_000,
  }, async () => {
    const path = join(temporaryFolder(), "plate.zarr");
    await mkdir(join(path, "A"), { recursive: true });
    await writeFile(join(path, ".zattrs"), JSON.stringify({ plate: { wells } }));
    await writeFile(join(path, "A", ".zattrs"), JSON.stringify({ well: { images: [{ path: ".." }] } }));
    await assert.rejects(readImage(path), /holds no array/);
  });

test("a well whose path ends in a slash is read as the plate says", async () => {
  const path = join(temporaryFolder(), "plate.zarr");
  const well = join(path, "A", "1");
  await mkdir(well, { recursive: true });
  await writeFile(join(path, ".zattrs"), JSON.stringify({ plate: { wells: [{ path: "A/1/" }] } }));
  await writeFile(
    join(well, ".zattrs"),
    JSON.stringify({ well: { images: [{ path: "1/" }, { path: "0/" }] } }),
  );
  const shape: ImageShape = [4, 5, 6, 1];
  for (const field of [0, 1]) {
    const writer = await createZarr(join(well, String(field)), {
      shape,
      sampleType: "uint16",
      chunk: [4, 5, 6],
      axes: "TZCYX",
    });
    await writer.write([0, 0, 0], part([field, 0, 0], shape));
    await writer.close();
  }
  assert.deepEqual(await readImage(path), part([1, 0, 0], shape));
});

test("the message about a folder without images says what it holds, without hidden files", async () => {
  const folder = temporaryFolder();
  await writeFile(join(folder, ".DS_Store"), "Finder");
  const refusal = (end: string) => ({
    name: "ImageError",
    message: new RegExp(`in this folder; ${end}\\.$`),
  });
  await assert.rejects(listImages(folder), refusal("it is empty"));
  await mkdir(join(folder, "Exp ä 1"));
  await assert.rejects(
    listImages(folder),
    refusal("it holds 1 folder \\(Exp ä 1\\); folders inside it are not read"),
  );
  for (const name of ["a.czi", "b.nd2"]) await writeFile(join(folder, name), "microscope");
  await assert.rejects(
    listImages(folder),
    refusal(
      "it holds 2 other files \\(a.czi, b.nd2\\) and 1 folder \\(.*\\. \\.czi is a microscope's own format: save it as OME-TIFF, .*bfconvert",
    ),
  );
  await assert.rejects(
    readImage(join(folder, "a.czi")),
    /\.czi is a microscope's own format: save it as OME-TIFF/,
  );
});

test("files and folders that are no images are refused with the reason", async () => {
  const folder = temporaryFolder();
  await writeFile(join(folder, "notes.h5"), "not an HDF5 file");
  await writeFile(join(folder, "file.zarr"), "not a store");
  await mkdir(join(folder, "empty.zarr"));
  for (const [name, message] of [
    ["notes.h5", "is no HDF5 file."],
    ["nothing.zarr", "there is no such file."],
    ["file.zarr", "is no zip archive. Zarr and N5 images are folders, or zip archives of their folders."],
    ["empty.zarr", "this Zarr 3 group holds no array with two to five axes of numbers."],
  ] as const) {
    const path = join(folder, name);
    await assert.rejects(readImage(path), { name: "ImageError", message: `${path}: ${message}` });
  }
});
