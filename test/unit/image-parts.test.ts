/** Regions that are read in parts of stored pieces. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Image, ImageSource, Region } from "../../src/images/image.ts";
import { readByParts } from "../../src/images/parts.ts";

const SHAPE = [5, 37, 41, 2] as const;
const [, HEIGHT, WIDTH, CHANNELS] = SHAPE;

/** An image with a different value at each place, stored in pieces. */
function imageOf(piece: ImageSource["piece"]): ImageSource {
  const info = { path: "image", shape: SHAPE, sampleType: "uint16" } as const;
  const read = async ({ start, end }: Region): Promise<Image> => {
    const values: number[] = [];
    for (let z = start[0]; z < end[0]; z++)
      for (let y = start[1]; y < end[1]; y++)
        for (let x = start[2]; x < end[2]; x++)
          for (let channel = 0; channel < CHANNELS; channel++)
            values.push(((z * HEIGHT + y) * WIDTH + x) * CHANNELS + channel);
    const shape = [end[0] - start[0], end[1] - start[1], end[2] - start[2], CHANNELS] as const;
    return { shape, sampleType: "uint16", data: Uint16Array.from(values) };
  };
  const description = {
    ...{ format: "", axes: "ZYXC", axesReason: "", storedShape: SHAPE },
    ...{ storedType: "uint16", compression: "none", others: [] },
  };
  return { info, description, piece, read, close: async () => {} };
}

test("a region that is read in parts of limited size has the values of the region read at once", async () => {
  const regions: readonly Region[] = [
    { start: [0, 0, 0], end: [5, 37, 41] },
    { start: [2, 0, 0], end: [3, 37, 41] },
    { start: [0, 7, 0], end: [5, 8, 41] },
    { start: [0, 0, 9], end: [5, 37, 10] },
  ];
  for (const piece of [
    [1, 37, 41],
    [2, 16, 16],
    [1, 1, 41],
    [5, 8, 41],
  ] as const)
    for (const region of regions)
      for (const most of [1, 100, 900, 1e6]) {
        const source = imageOf(piece);
        const largest = Math.max(most, piece[0] * piece[1] * piece[2] * CHANNELS);
        const read = async (part: Region) => {
          const image = await source.read(part);
          assert.ok(image.data.length <= largest, `${image.data.length} values at once`);
          return image;
        };
        const found = await readByParts({ ...source, read }, region, most, () => {});
        assert.deepEqual(found, await source.read(region), `${piece} ${region.start} ${most}`);
      }
});

test("a thin section is read in parts of as many stored values as others", async () => {
  const slices = imageOf([1, HEIGHT, WIDTH]);
  for (const region of [
    { start: [0, 7, 0], end: [5, 8, WIDTH] },
    { start: [0, 0, 9], end: [5, HEIGHT, 10] },
  ] as const) {
    let parts = 0;
    await readByParts(slices, region, HEIGHT * WIDTH * CHANNELS, () => parts++);
    assert.equal(parts, 5);
  }
});
