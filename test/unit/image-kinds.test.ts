import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, open, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { deflateSync, gzipSync, inflateSync } from "node:zlib";
import { unzipSync } from "fflate";
import { whenBytesArrive } from "../../src/images/file-bytes.ts";
import { openImage, readImage } from "../../src/images/files.ts";
import { createHdf5 } from "../../src/images/hdf5-writer.ts";
import { type Image, ImageError, type PixelSize } from "../../src/images/image.ts";
import { describeNonFinite, inspectImage } from "../../src/images/inspect.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { createZarr } from "../../src/images/zarr-writer.ts";
import { judgeImages } from "../support/image-judge.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tiff } from "../support/tiff.ts";

const folder = temporaryFolder();

/** Asserts that a file is refused with a message that names it and matches. */
async function isRefused(path: string, words: RegExp): Promise<void> {
  await assert.rejects(readImage(path), (error: unknown) => {
    assert.ok(error instanceof ImageError, String(error));
    assert.ok(error.message.includes(path), error.message);
    assert.match(error.message, words);
    return true;
  });
}

test("files of every kind are read as Python reads them, or refused with the reason", async () => {
  const core = join(folder, "core");
  const archive = await readFile(fileURLToPath(new URL("../fixtures/images/core.zip", import.meta.url)));
  for (const [name, bytes] of Object.entries(unzipSync(archive))) {
    await mkdir(dirname(join(core, name)), { recursive: true });
    await writeFile(join(core, name), bytes);
  }
  const { read, refused, faults } = await judgeImages(core);
  assert.deepEqual(faults, []);
  assert.ok(read > 90 && refused > 15, `${read} read, ${refused} refused`);
});

/** A page of 4 x 4 bytes, which lie at offset 122. */
const PLANE = [
  [256, 4, 1, 4],
  [257, 4, 1, 4],
  [258, 3, 1, 8],
  [273, 4, 1, 122],
  [277, 3, 1, 1],
  [279, 4, 1, 16],
] as const;

test("pages that go round in a circle are refused", async () => {
  const path = join(folder, "circle.tif");
  await writeFile(path, tiff(PLANE, 8, 64));
  await isRefused(path, /round in a circle/);
});

test("a list of strips longer than the file is refused", async () => {
  const path = join(folder, "count.tif");
  const entries = PLANE.map(([tag, type, count, value]) =>
    tag === 273 ? ([tag, type, 0x40000001, value] as const) : ([tag, type, count, value] as const),
  );
  await writeFile(path, tiff(entries, 0, 64));
  await isRefused(path, /tag 273 promises 1073741825 values/);
});

test("a list of strips shorter than the image is refused", async () => {
  const path = join(folder, "strips.tif");
  await writeFile(path, tiff([...PLANE.slice(0, 5), [278, 3, 1, 2], ...PLANE.slice(5)], 0, 64));
  await isRefused(path, /fewer strips or tiles than its pixels need/);
});

test("a block of an N5 array that ends in its header is refused", async () => {
  const path = join(folder, "short.n5");
  await mkdir(join(path, "0"), { recursive: true });
  const attributes = {
    dimensions: [8, 8],
    blockSize: [8, 8],
    dataType: "uint8",
    compression: { type: "raw" },
  };
  await writeFile(join(path, "attributes.json"), JSON.stringify(attributes));
  await writeFile(join(path, "0", "0"), Buffer.from([0, 0, 0]));
  await isRefused(path, /a block that is cut short/);
});

for (const axes of [2, 3, 4])
  test(`uncompressed values of eight bytes are read from an N5 array of ${axes} axes`, async () => {
    const path = join(folder, `wide${axes}.n5`);
    // The block lies at 0/0/… .
    const place = join(path, ...Array.from({ length: axes }, () => "0"));
    await mkdir(dirname(place), { recursive: true });
    const sizes = [3, 2, ...Array.from({ length: axes - 2 }, () => 1)];
    const attributes = {
      dimensions: sizes,
      blockSize: sizes,
      dataType: "float64",
      compression: { type: "raw" },
      axes: ["x", "y", "z", "c", "t"].slice(0, sizes.length),
    };
    await writeFile(join(path, "attributes.json"), JSON.stringify(attributes));
    const header = Buffer.alloc(4 + 4 * sizes.length);
    header.writeUInt16BE(sizes.length, 2);
    for (const [axis, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
    const values = Buffer.alloc(6 * 8);
    for (let index = 0; index < 6; index++) values.writeDoubleBE(index / 4, 8 * index);
    await writeFile(place, Buffer.concat([header, values]));
    const { data } = await readImage(path);
    assert.deepEqual([...data], [0, 0.25, 0.5, 0.75, 1, 1.25]);
  });

test("an image in memory takes no more than its pixels, also where a writer padded the strip", async () => {
  const side = 100;
  for (const padding of [0, 5000]) {
    const path = join(folder, `padded${padding}.tif`);
    const stored = deflateSync(Buffer.alloc(side * side + padding, 7));
    const entries = [...PLANE.slice(0, 3), [259, 3, 1, 8] as const, ...PLANE.slice(3)].map(
      ([tag, type, count, value]) => {
        const larger: Readonly<Record<number, number>> = { 256: side, 257: side, 279: stored.length };
        return [tag, type, count, larger[tag] ?? value] as const;
      },
    );
    const file = tiff(entries, 0);
    await writeFile(path, Buffer.concat([file, Buffer.alloc(122 - file.length), stored]));
    const { data } = await readImage(path);
    assert.ok(data.every((value) => value === 7));
    assert.ok(data.buffer.byteLength <= side * side + 1, `${data.buffer.byteLength} bytes`);
  }
});

test("chunks and archives that are too large are refused with what to do", async () => {
  const chunk = await zarrOf("one-chunk.zarr", 40_000, gzipSync(""));
  const message = (path: string, words: string) => ({ name: "ImageError", message: `${path}: ${words}` });
  const source = await openImage(chunk);
  await assert.rejects(
    source.read({ start: [0, 0, 0], end: [1, 1, 1] }),
    message(
      chunk,
      "the chunks of the array are 40000 x 40000 values, more than can be decoded at once. Save it in smaller chunks.",
    ),
  );
  await source.close();
  const archive = join(folder, "large.npz");
  await writeFile(archive, "PK");
  await truncate(archive, 641e6);
  await assert.rejects(
    openImage(archive),
    message(archive, "its archive and its arrays are more than 640 MB. Save its array as .npy."),
  );
});

/** HDF5 files that h5py wrote: one chunk of 20 x 4000 x 3000 bytes, which is not stored. */
const LARGE_CHUNKS = {
  plain:
    "eNrr9HBx4+WS4mLm4GCAgf9QsJ8RwjeAisdb/Pvi7+ESxMRQwSSErBAGuJgYgFrY+BmAFEtKYkniZpiRrgzUAdNLa3jATmBkYGQ0YWBgYmZkFIHKLeCH0Du4ITQucWYeBkYBBpAbQYCDgRXoamZuDjEGBhYmIBIBatjBDTQf5iuGKQyDEiz2kGsBACR6M5Y=",
  gzip: "eNrr9HBx4+WS4mLm4GCAgf9QsJ8RwjeAisdb/Pvi7+ESxMRQwSSErBAGuJgYgFrY+BmAFEtKYkniZpiRrgzUAdNLa3jATmBkYGQ0YWBgYmZkFIHKLeCH0Du4ITQucWYeBkYBBpAbQYCDgRXoamZubqAoEyPQWJDbQeJKDEAZJhYmEaABO7gZocrRgoihgmHAQEvgrkoALkk0Jg==",
};

test("large HDF5 chunks are read in parts, and refused if a filter has to decode them", async () => {
  const pathOf = async (name: keyof typeof LARGE_CHUNKS) => {
    const path = join(folder, `${name}.h5`);
    await writeFile(path, inflateSync(Buffer.from(LARGE_CHUNKS[name], "base64")));
    return path;
  };
  const source = await openImage(await pathOf("plain"));
  const { data } = await source.read({ start: [3, 5, 7], end: [4, 6, 9] });
  assert.deepEqual([...data], [0, 0]);
  await source.close();
  const filtered = await pathOf("gzip");
  await assert.rejects(openImage(filtered), {
    name: "ImageError",
    message: `${filtered}: the chunks of /data are 240000000 bytes, more than can be decoded at once. Save it in smaller chunks.`,
  });
});

test("parts of a plane of more than 2 GiB are read", async () => {
  const path = join(folder, "large.tif");
  const [width, height] = [60_000, 40_000];
  const entries = PLANE.map(([tag, type, count, value]) => {
    const larger: Readonly<Record<number, number>> = { 256: width, 257: height, 279: width * height };
    return [tag, type, count, larger[tag] ?? value] as const;
  });
  await writeFile(path, tiff(entries, 0));
  await truncate(path, 122 + width * height);
  const file = await open(path, "r+");
  await file.write(Buffer.from([7]), 0, 1, 122 + (height - 1) * width + 5);
  await file.close();
  const source = await openImage(path);
  const { data } = await source.read({ start: [0, height - 1, 5], end: [1, height, 6] });
  assert.deepEqual([...data], [7]);
  await source.close();
});

test("a file that is cut short after it was opened is refused when it is read", async () => {
  const path = join(folder, "shrinks.tif");
  const image: Image = {
    shape: [40, 64, 64, 1],
    sampleType: "uint16",
    data: new Uint16Array(40 * 64 * 64).map((_, at) => (at * 7919) % 60_000),
  };
  await writeTiff(path, image);
  const source = await openImage(path);
  await truncate(path, 600);
  await assert.rejects(
    source.read(),
    (error: unknown) =>
      error instanceof ImageError && error.message.includes(path) && /cut short/.test(error.message),
  );
  await source.close();
});

test("a pipe is refused and does not block", { skip: process.platform === "win32" }, async () => {
  const path = join(folder, "pipe.tif");
  execFileSync("mkfifo", [path]);
  await isRefused(path, /not a regular file/);
});

/** A Zarr array of one large chunk. */
async function zarrOf(name: string, size: number, chunk?: Buffer): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  const metadata = {
    zarr_format: 2,
    shape: [size, size],
    chunks: [size, size],
    dtype: "<u2",
    compressor: { id: "gzip", level: 1 },
    fill_value: 3,
    order: "C",
    filters: null,
  };
  await writeFile(join(path, ".zarray"), JSON.stringify(metadata));
  if (chunk !== undefined) await writeFile(join(path, "0.0"), chunk);
  return path;
}

test("a chunk that is not stored takes no memory", async () => {
  const source = await openImage(await zarrOf("missing.zarr", 40_000));
  const { data } = await source.read({ start: [0, 39_999, 39_000], end: [1, 40_000, 39_002] });
  assert.deepEqual([...data], [3, 3]);
  await source.close();
});

test("a small TIFF is opened and read with one request, and so is a chunk", async () => {
  const values = new Uint16Array(128 * 512).map((_, at) => (at * at * 7919) % 65_521);
  const chunk = gzipSync(values);
  assert.ok(chunk.length > 2 ** 16);
  const array = await openImage(await zarrOf("one-read.zarr", 256, chunk));
  const tiffPath = join(folder, "one-read.tif");
  await writeTiff(tiffPath, {
    shape: [1, 16, 16, 1],
    sampleType: "uint8",
    data: new Uint8Array(256).fill(9),
  });
  let requests = 0;
  whenBytesArrive(() => requests++);
  try {
    assert.deepEqual((await array.read()).data, values);
    assert.equal(requests, 1);
    assert.equal((await readImage(tiffPath)).data[255], 9);
    assert.equal(requests, 2);
  } finally {
    whenBytesArrive(() => {});
  }
  await array.close();
});

test("an array that is removed while it is open is not read as empty", async () => {
  const path = await zarrOf("removed.zarr", 64);
  const source = await openImage(path);
  await rm(path, { recursive: true });
  await assert.rejects(source.read(), (error: unknown) => {
    return error instanceof ImageError && error.message.includes(path) && /removed/.test(error.message);
  });
  await source.close();
});

test("a scan without time for the whole image covers its first part", async () => {
  const { scan } = await inspectImage(await zarrOf("large.zarr", 40_000), undefined, { milliseconds: 0 });
  assert.deepEqual(scan.range, [3, 3]);
  assert.equal(scan.complete, false);
});

test("a chunk that unpacks to more than it should is refused", async () => {
  const bomb = gzipSync(Buffer.alloc(2 ** 26));
  await isRefused(await zarrOf("bomb.zarr", 64, bomb), /more data than/);
});

test("pixels that are no numbers are counted and placed", async () => {
  const path = join(folder, "not-finite.tif");
  const data = new Float32Array(3 * 8 * 9);
  data[8 * 9 + 5 * 9 + 2] = Number.NaN;
  data[8 * 9 + 6 * 9] = Number.NEGATIVE_INFINITY;
  await writeTiff(path, { shape: [3, 8, 9, 1], sampleType: "float32", data });
  const { info, scan } = await inspectImage(path);
  assert.ok(scan.nonFinite);
  assert.equal(
    describeNonFinite(scan.nonFinite, info.shape),
    "2 pixels are not numbers, the first at z 1, y 5, x 2",
  );
});

test("pixels that single precision cannot hold are counted as such", async () => {
  const path = join(folder, "too-large.tif");
  const data = new Float64Array(4 * 5);
  const found = async () => {
    await writeTiff(path, { shape: [1, 4, 5, 1], sampleType: "float64", data });
    const { info, scan } = await inspectImage(path);
    return scan.nonFinite && describeNonFinite(scan.nonFinite, info.shape);
  };
  data[2] = -3.4e38;
  assert.equal(await found(), undefined);
  data[7] = -1e300;
  const beyond = "beyond 3.4e38, the largest number of single precision";
  assert.equal(await found(), `1 pixel is ${beyond}, the first at y 1, x 2`);
  data[8] = Number.NaN;
  assert.equal(await found(), `2 pixels are not numbers, or ${beyond}, the first at y 1, x 2`);
});

test("the configuration's axes come before the file's own", async () => {
  const path = join(folder, "axes.tif");
  await writeTiff(path, { shape: [3, 8, 9, 1], sampleType: "uint8", data: new Uint8Array(3 * 8 * 9) });
  const source = await openImage(path, { axes: "TZCYX" });
  assert.match(source.description.axesReason, /INPUT_IMG_AXES_ORDER/);
  await source.close();
});

test("axes, pixel sizes and units are written as they were read", async () => {
  const sizes: readonly PixelSize[] = [
    { z: 0.5, y: 0.125, x: 0.125, unit: "µm" },
    { y: 0.25, x: 0.5, unit: "µm" },
    { z: 300, y: 20, x: 20, unit: "nm" },
    { y: 2, x: 2, unit: "Å" },
    { y: 0.5, x: 0.5, unit: "inch" },
    { z: 4, y: 2, x: 2, unit: "furlong" },
  ];
  const image: Image = { shape: [3, 8, 9, 2], sampleType: "uint16", data: new Uint16Array(2 * 3 * 8 * 9) };
  for (const [index, pixelSize] of sizes.entries()) {
    const paths = [`size-${index}.tif`, `size-${index}.zarr`].map((name) => join(folder, name));
    await writeTiff(paths[0], image, pixelSize);
    const writers = [await createZarr(paths[1], { ...image, chunk: [3, 8, 9], axes: "TZCYX", pixelSize })];
    // HDF5's attribute is in micrometers.
    if (pixelSize.unit === "µm") {
      paths.push(join(folder, `size-${index}.h5`));
      writers.push(await createHdf5(paths[2], { ...image, chunk: [3, 8, 9], axes: "TZCYX", pixelSize }));
    }
    for (const writer of writers) {
      await writer.write([0, 0, 0], image);
      await writer.close();
    }
    for (const path of paths) {
      const { info, description } = await inspectImage(path);
      assert.deepEqual({ ...info.pixelSize }, { z: undefined, ...pixelSize }, path);
      assert.equal(description.axes, "TZCYX", path);
    }
  }
});

test("a TIFF's resolution tags keep nine digits of a pixel size", async () => {
  const path = join(folder, "digits.tif");
  const image: Image = { shape: [1, 8, 9, 1], sampleType: "uint8", data: new Uint8Array(8 * 9) };
  for (const size of [1.0345e-7, 3.3e-4, 0.1, 1 / 3, 7, 12_345.678, 2.5e6]) {
    // OME does not have this unit: the size is read from the tags.
    await writeTiff(path, image, { y: size, x: size, unit: "furlong" });
    const { info } = await inspectImage(path);
    const ratio = (info.pixelSize?.x ?? 0) / size;
    assert.ok(Math.abs(ratio - 1) < 1e-9, `${info.pixelSize?.x} instead of ${size}`);
  }
});

test("axes with units of their own are converted to the unit of x", async () => {
  const path = join(folder, "units.zarr");
  const image: Image = { shape: [3, 8, 9, 1], sampleType: "uint8", data: new Uint8Array(3 * 8 * 9) };
  const writer = await createZarr(path, {
    ...image,
    chunk: [3, 8, 9],
    axes: "ZYX",
    pixelSize: { z: 500, y: 0.1, x: 0.1, unit: "µm" },
  });
  await writer.write([0, 0, 0], image);
  await writer.close();
  const file = join(path, "zarr.json");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace("micrometer", "nanometer"));
  const { info } = await inspectImage(path);
  assert.deepEqual(info.pixelSize, { z: 0.5, y: 0.1, x: 0.1, unit: "µm" });
});

test("links that lead to no file are refused as what they are", {
  skip: process.platform === "win32" && "Windows lets only administrators make links",
}, async () => {
  const [circle, dead] = [join(folder, "ring.tif"), join(folder, "dead.tif")];
  await symlink("ring.tif", circle);
  await symlink(join(folder, "nowhere.tif"), dead);
  await isRefused(circle, /ring\.tif: is a link that leads in a circle\.$/);
  await isRefused(dead, /dead\.tif: is a link to a file that does not exist\.$/);
  await isRefused(join(folder, "nowhere.tif"), /nowhere\.tif: there is no such file\.$/);
});
