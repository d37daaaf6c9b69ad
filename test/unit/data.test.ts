import assert from "node:assert/strict";
import { test } from "node:test";
import { Blender, Tiles } from "../../src/data/blending.ts";
import { measureNormalization } from "../../src/data/measure-normalization.ts";
import { denormalize, normalize } from "../../src/data/normalization.ts";
import { Random } from "../../src/data/random.ts";
import { cutPatch, type TilingSettings, tileGrid, tilePatches } from "../../src/data/tiling.ts";
import { tokenMask, visibleTokens } from "../../src/data/token-mask.ts";
import { type Image, type ImageShape, wholeRegion } from "../../src/images/image.ts";
import { referenceModel } from "../support/reference-models.ts";

test("random numbers depend on seed and keys alone, and are spread evenly", () => {
  const draw = (random: Random) => Array.from({ length: 5 }, () => random.uniform());
  const moved = new Random(7);
  moved.uniform();
  assert.deepEqual(draw(moved.fork(1, 2)), draw(new Random(7).fork(1, 2)));
  assert.notDeepEqual(draw(new Random(7).fork(1, 2)), draw(new Random(7).fork(2, 1)));
  const random = new Random(1);
  const counts = new Array<number>(10).fill(0);
  for (let index = 0; index < 100_000; index++) counts[random.integer(10)]++;
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, String(counts));
  const normal = Array.from({ length: 20_000 }, () => random.normal());
  const mean = normal.reduce((sum, value) => sum + value, 0) / normal.length;
  const variance = normal.reduce((sum, value) => sum + (value - mean) ** 2, 0) / normal.length;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.05, `${mean} ${variance}`);
  assert.deepEqual(
    [...random.permutation(50)].sort((a, b) => a - b),
    Array.from({ length: 50 }, (_, index) => index),
  );
});

test("a random mask hides its share and says where each token went", () => {
  const settings = { type: "random", ratio: 0.75, grid: [4, 4, 4] } as const;
  const { keep, restore, mask } = tokenMask(settings, new Random(3));
  assert.equal(keep.length, 16);
  assert.equal(visibleTokens(settings), 16);
  assert.equal(
    mask.reduce((sum, value) => sum + value, 0),
    48,
  );
  keep.forEach((token, place) => {
    assert.equal(restore[token], place);
    assert.equal(mask[token], 0);
  });
  assert.deepEqual(
    [...restore].sort((a, b) => a - b),
    Array.from({ length: 64 }, (_, index) => index),
  );
});

test("a 2D grid mask is BiaPy's", () => {
  const { mask } = tokenMask({ type: "grid", ratio: 0.5, grid: [16, 16] }, new Random(0));
  assert.deepEqual([...mask], referenceModel("mae_grid_2d").mask);
});

function ramp(shape: ImageShape, sampleType: "uint16" | "float32" = "uint16"): Image {
  const count = shape.reduce((product, size) => product * size, 1);
  const data = Float32Array.from({ length: count }, (_, index) => (index * 37) % 1000);
  return { shape, sampleType, data: sampleType === "uint16" ? Uint16Array.from(data) : data };
}

/** An image slice by slice, as one that is larger than memory is measured. */
function* slices({ shape: [depth, ...plane], sampleType, data }: Image): Generator<Image> {
  const size = data.length / depth;
  for (let z = 0; z < depth; z++)
    yield { shape: [1, ...plane], sampleType, data: data.slice(z * size, (z + 1) * size) };
}

for (const type of ["div", "scale_range", "zero_mean_unit_variance"] as const) {
  test(`normalization ${type} does what it says to each channel, and is undone`, async () => {
    const image = ramp([2, 9, 11, 2]);
    const channels = await measureNormalization(() => slices(image), 2, { type });
    const values = normalize(image, channels);
    const channel = values.filter((_, index) => index % 2 === 1);
    const mean = channel.reduce((sum, value) => sum + value, 0) / channel.length;
    const deviation = Math.sqrt(
      channel.reduce((sum, value) => sum + (value - mean) ** 2, 0) / channel.length,
    );
    if (type === "zero_mean_unit_variance")
      assert.ok(Math.abs(mean) < 1e-5 && Math.abs(deviation - 1) < 1e-5);
    if (type === "scale_range") assert.deepEqual([Math.min(...channel), Math.max(...channel)], [0, 1]);
    if (type === "div") assert.ok(Math.abs(values[5] - image.data[5] / 65535) < 1e-7);
    assert.deepEqual(denormalize(values, channels, "uint16", new Uint16Array(values.length)), image.data);
  });
}

test("div reads an image until each channel has a value above 255, which decides", async () => {
  const values = [
    [0, 9],
    [256, 1],
    [300, 256],
    [7, 7],
    [0, 0],
  ];
  let read = 0;
  function* parts(): Generator<Image> {
    for (const pixel of values) {
      read++;
      yield { shape: [1, 1, 1, 2], sampleType: "uint16", data: Uint16Array.from(pixel) };
    }
  }
  const channels = await measureNormalization(parts, 2, { type: "div" });
  assert.deepEqual(
    channels.map(({ scale }) => scale),
    [65535, 65535],
  );
  assert.equal(read, 3);
});

test("div reads an image of 8 bits until each channel has a value above 1: none of its values gives another divisor", async () => {
  let read = 0;
  function* parts(): Generator<Image> {
    for (const pixel of [
      [0, 9],
      [1, 1],
      [2, 0],
      [255, 7],
      [0, 0],
    ]) {
      read++;
      yield { shape: [1, 1, 1, 2], sampleType: "uint8", data: Uint8Array.from(pixel) };
    }
  }
  const channels = await measureNormalization(parts, 2, { type: "div" });
  assert.deepEqual(
    channels.map(({ scale }) => scale),
    [255, 255],
  );
  assert.equal(read, 3);
});

test("a constant image is normalized without dividing by zero", async () => {
  const image: Image = { shape: [1, 4, 4, 1], sampleType: "uint8", data: new Uint8Array(16).fill(9) };
  const values = normalize(
    image,
    await measureNormalization(() => [image], 1, { type: "zero_mean_unit_variance" }),
  );
  assert.deepEqual([...values], new Array(16).fill(0));
});

test("percentiles of fractions are exact, also of a constant image", async () => {
  const clip = { percentiles: [10, 75] } as const;
  const limits = async (values: readonly number[]) => {
    const image: Image = {
      shape: [1, 1, values.length, 1],
      sampleType: "float32",
      data: Float32Array.from(values),
    };
    const [channel] = await measureNormalization(() => [image], 1, { type: "scale_range", clip });
    return channel.clip;
  };
  assert.deepEqual(await limits(new Array(16).fill(0.5)), [0.5, 0.5]);
  assert.deepEqual(await limits([8, 0, 0, 0, 0, 0, 1, 2, 0, 4, 1e6]), [0, 3]);
  assert.deepEqual(await limits([1, 2, 1e6]), [1.2, 500_001]);
});

const TILINGS: [string, ImageShape, TilingSettings][] = [
  ["a plane without overlap", [1, 50, 70, 1], { patch: [1, 16, 16], overlap: [0, 0, 0], padding: [0, 0, 0] }],
  [
    "a plane with overlap",
    [1, 50, 70, 2],
    { patch: [1, 16, 32], overlap: [0, 0.5, 0.25], padding: [0, 0, 0] },
  ],
  ["a plane with padding", [1, 50, 70, 1], { patch: [1, 24, 24], overlap: [0, 0, 0.2], padding: [0, 4, 6] }],
  [
    "an image smaller than a patch",
    [1, 9, 40, 1],
    { patch: [1, 16, 16], overlap: [0, 0.5, 0.5], padding: [0, 2, 2] },
  ],
  ["a volume", [13, 21, 30, 1], { patch: [8, 16, 16], overlap: [0.5, 0, 0.25], padding: [1, 2, 0] }],
];

for (const [name, shape, tiling] of TILINGS) {
  test(`cutting and merging ${name} gives the image back`, () => {
    const values = Float32Array.from(ramp(shape, "float32").data);
    const image = { start: [0, 0, 0] as const, shape, sampleType: "float32" as const, data: values };
    const tiles = new Tiles(shape, tiling);
    const blender = new Blender(tiles, wholeRegion(shape));
    for (const [z, atZ] of tiles.grid[0].starts.entries())
      for (const [y, atY] of tiles.grid[1].starts.entries())
        for (const [x, atX] of tiles.grid[2].starts.entries()) {
          const patch = cutPatch(image, shape, [atZ, atY, atX], tiling.patch);
          blender.add([z, y, x], Float32Array.from(patch.data));
        }
    const { values: merged } = blender.take(shape[shape[0] > 1 ? 0 : 1]);
    const worst = values.reduce((most, value, index) => Math.max(most, Math.abs(value - merged[index])), 0);
    assert.ok(worst < 1e-3, `differs by ${worst}`);
  });
}

test("patches lie where BiaPy 3.7.1 cuts them", () => {
  const along = (size: number, patch: number, overlap: number, padding: number) =>
    tileGrid([1, 1000, size, 1], {
      patch: [1, 32, patch],
      overlap: [0, 0, overlap],
      padding: [0, 0, padding],
    })[2].starts;
  // Observed of crop_data_with_overlap, less the padding that it counts from.
  assert.deepEqual(along(67, 32, 0, 0), [0, 18, 35]);
  assert.deepEqual(along(101, 32, 0.5, 0), [0, 12, 24, 36, 48, 60, 69]);
  assert.deepEqual(along(101, 32, 0.1, 6), [-6, 11, 28, 45, 62, 75]);
  assert.deepEqual(along(32, 32, 0.5, 0), [0]);
  assert.deepEqual(along(25, 32, 0, 0), [-7]);
});

test("an image of exactly a patch is one patch without padding", () => {
  const tiling: TilingSettings = { patch: [8, 16, 16], overlap: [0.5, 0.5, 0.5], padding: [1, 2, 2] };
  assert.deepEqual(tilePatches([8, 16, 16, 1], tiling), [[0, 0, 0]]);
  assert.ok(tilePatches([8, 16, 17, 1], tiling).length > 1);
});

test("patches without overlap cover each pixel, and no more patches than needed are cut", () => {
  const tiling: TilingSettings = { patch: [1, 16, 16], overlap: [0, 0, 0], padding: [0, 0, 0] };
  assert.equal(tilePatches([1, 64, 48, 1], tiling).length, 12);
  assert.equal(tilePatches([1, 65, 48, 1], tiling).length, 15);
});
