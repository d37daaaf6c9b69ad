/** Files that are read again and again: how many stay open, and that one is not closed under its reader. */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { OpenFiles } from "../../src/data/open-files.ts";
import { readImage } from "../../src/images/files.ts";
import { ImageError, type ImageInfo, type ImageSource } from "../../src/images/image.ts";

const folder = mkdtempSync(join(tmpdir(), "biapy-open-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const { shape: SHAPE } = await readImage("test/fixtures/images/type_uint8.tif");
const infos = Array.from({ length: 20 }, (_, index): ImageInfo => {
  const path = join(folder, `${index}.tif`);
  copyFileSync("test/fixtures/images/type_uint8.tif", path);
  return { path, shape: SHAPE, sampleType: "uint8" };
});

test("a file stays open while it is read, though 19 others are opened meanwhile; then it is closed", async () => {
  const files = new OpenFiles();
  let first: ImageSource | undefined;
  await files.use(infos[0], async (source) => {
    first = source;
    for (const other of infos.slice(1)) await files.use(other, (each) => each.read());
    assert.ok((await source.read()).data.length > 0);
  });
  await assert.rejects(async () => first?.read());
  await files.close();
});

test("a batch of many files opens a few at a time", async () => {
  const files = new OpenFiles();
  let [inUse, most] = [0, 0];
  const sixteen = new EventEmitter();
  const full = once(sixteen, "full");
  const read = async () => {
    most = Math.max(most, ++inUse);
    if (inUse === 16) sixteen.emit("full");
    await full;
    await setImmediate();
    inUse--;
  };
  await Promise.all(infos.map((info) => files.use(info, read)));
  assert.equal(most, 16);
  await files.close();
});

for (const [what, before] of [
  ["shape", { shape: [1, 2, 2, 1] }],
  ["pixel type", { sampleType: "uint16" }],
] as const)
  test(`an image that was replaced by one of another ${what} is refused by name`, async () => {
    const files = new OpenFiles();
    const info: ImageInfo = { ...infos[0], ...before };
    await assert.rejects(
      files.use(info, (source) => source.read()),
      (error) => error instanceof ImageError && error.message.includes(`${info.path}: was replaced`),
    );
    await files.close();
  });

test("a file is opened once for readers that come while it stays open", async () => {
  const files = new OpenFiles();
  const sources = new Set<ImageSource>();
  for (const info of [infos[0], infos[1], infos[0]]) await files.use(info, (source) => sources.add(source));
  assert.equal(sources.size, 2);
  await files.close();
});
