import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { openImage } from "../../src/images/files.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { openFiles, withoutOpenFiles } from "../support/open-files.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tiff, tiffBytes } from "../support/tiff.ts";

/** Returns a TIFF of one pixel with a description. The pixel is the first byte of the description. */
function described(description: string): Buffer {
  const text = Buffer.from(`${description}\0`);
  const [short, long, ascii] = [3, 4, 2];
  const place = tiffBytes(8);
  const page = tiff([
    [256, long, 1, 1],
    [257, long, 1, 1],
    [258, short, 1, 8],
    [259, short, 1, 1],
    [262, short, 1, 1],
    [270, ascii, text.length, place],
    [273, long, 1, place],
    [279, long, 1, 1],
  ]);
  return Buffer.concat([page, text]);
}

/** Writes a set whose slice z, in a file of its own, has the value z. Returns the file with the set's metadata. */
async function omeSet(slices: number): Promise<string> {
  const folder = temporaryFolder();
  const places = Array.from({ length: slices }, async (_, z) => {
    const name = `z${z}.ome.tif`;
    const data = new Uint8Array(64 * 64).fill(z);
    await writeTiff(join(folder, name), { shape: [1, 64, 64, 1], sampleType: "uint8", data });
    return `<TiffData FirstZ="${z}" IFD="0" PlaneCount="1"><UUID FileName="${name}">urn:uuid:${z}</UUID></TiffData>`;
  });
  const pixels = `<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="64" SizeY="64" SizeZ="${slices}" SizeC="1" SizeT="1">${(await Promise.all(places)).join("")}</Pixels>`;
  const path = join(folder, "set.ome.tif");
  await writeFile(path, described(`<OME><Image ID="Image:0">${pixels}</Image></OME>`));
  return path;
}

test("slices of an OME-TIFF set of many files are read at the same time", async () => {
  const slices = 24;
  const source = await openImage(await omeSet(slices));
  assert.deepEqual(source.info.shape, [slices, 64, 64, 1]);
  const read = await Promise.all(
    Array.from({ length: slices }, (_, z) => source.read({ start: [z, 0, 0], end: [z + 1, 64, 64] })),
  );
  assert.deepEqual(
    read.map(({ data }) => data[0]),
    Array.from({ length: slices }, (_, z) => z),
  );
  await source.close();
});

test("an OME-TIFF set with a damaged file is refused, and none of its files stays open", {
  skip: withoutOpenFiles,
}, async () => {
  const path = await omeSet(2);
  await writeFile(join(dirname(path), "z0.ome.tif"), "no TIFF");
  await assert.rejects(openImage(path), /z0\.ome\.tif: is no TIFF file/);
  assert.deepEqual(
    openFiles().filter((file) => file.startsWith(dirname(path))),
    [],
  );
});
