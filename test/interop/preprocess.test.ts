/** DATA.PREPROCESS does to images what BiaPy and scikit-image do, pixel by pixel. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { readNpy, writeNpy } from "../../src/checkpoint/npy.ts";
import { loadConfig } from "../../src/config/config.ts";
import { Random } from "../../src/data/random.ts";
import { type Image, type ImageShape, SAMPLE_ARRAYS, type SampleType } from "../../src/images/image.ts";
import { preprocessing } from "../../src/workflow/preprocess-settings.ts";
import { python, skip } from "./python.ts";

interface Case {
  readonly name: string;
  readonly shape: ImageShape;
  readonly sampleType: SampleType;
  readonly settings: Readonly<Record<string, string>>;
}

const plane: ImageShape = [1, 41, 53, 1];
const color: ImageShape = [1, 32, 30, 3];
const stack: ImageShape = [9, 22, 25, 1];

const on = (step: string, more: Readonly<Record<string, string>> = {}) => ({
  [`${step}.ENABLE`]: "True",
  ...Object.fromEntries(Object.entries(more).map(([key, value]) => [`${step}.${key}`, value])),
});

const CASES: readonly Case[] = (
  [
    ["larger", plane, on("RESIZE", { OUTPUT_SHAPE: "(64, 70)" })],
    ["smaller, smoothed", plane, on("RESIZE", { OUTPUT_SHAPE: "(20, 30)", ANTI_ALIASING: "True" })],
    ["nearest", plane, on("RESIZE", { OUTPUT_SHAPE: "(64, 70)", ORDER: "0" })],
    ["larger, edge", color, on("RESIZE", { OUTPUT_SHAPE: "(64, 70)", MODE: "edge" })],
    ["larger, symmetric", color, on("RESIZE", { OUTPUT_SHAPE: "(64, 70)", MODE: "symmetric" })],
    ["larger, wrapped", color, on("RESIZE", { OUTPUT_SHAPE: "(64, 70)", MODE: "wrap" })],
    ["larger stack", stack, on("RESIZE", { OUTPUT_SHAPE: "(12, 30, 30)" })],
    ["cubic", plane, on("RESIZE", { OUTPUT_SHAPE: "(64, 70)", ORDER: "3" })],
    ["quadratic, edge", plane, on("RESIZE", { OUTPUT_SHAPE: "(64, 70)", ORDER: "2", MODE: "edge" })],
    [
      "of order 4, symmetric",
      plane,
      on("RESIZE", { OUTPUT_SHAPE: "(64, 70)", ORDER: "4", MODE: "symmetric" }),
    ],
    ["of order 5, wrapped", color, on("RESIZE", { OUTPUT_SHAPE: "(64, 70)", ORDER: "5", MODE: "wrap" })],
    [
      "cubic, constant",
      plane,
      on("RESIZE", { OUTPUT_SHAPE: "(64, 70)", ORDER: "3", MODE: "constant", CVAL: "0.7" }),
    ],
    [
      "smaller, cubic, smoothed",
      plane,
      on("RESIZE", { OUTPUT_SHAPE: "(20, 30)", ORDER: "3", ANTI_ALIASING: "True" }),
    ],
    ["cubic stack", stack, on("RESIZE", { OUTPUT_SHAPE: "(12, 30, 30)", ORDER: "3" })],
    ["blurred", plane, on("GAUSSIAN_BLUR", { SIGMA: "2" })],
    ["blurred across colors", color, on("GAUSSIAN_BLUR")],
    ["blurred color by color", color, on("GAUSSIAN_BLUR", { CHANNEL_AXIS: "-1", MODE: "reflect" })],
    ["blurred stack", stack, on("GAUSSIAN_BLUR", { MODE: "mirror" })],
    ["median", plane, on("MEDIAN_BLUR", { KERNEL_SIZE: "(3, 5, 1)" })],
    ["even median of colors", color, on("MEDIAN_BLUR", { KERNEL_SIZE: "(4, 3, 3)" })],
    ["median of a stack", stack, on("MEDIAN_BLUR", { KERNEL_SIZE: "(3, 3, 3, 1)" })],
    ["equalized", plane, on("CLAHE")],
    ["equalized in tiles of 10", plane, on("CLAHE", { KERNEL_SIZE: "10", CLIP_LIMIT: "0.03" })],
    ["equalized colors", color, on("CLAHE")],
    ["equalized stack", stack, on("CLAHE")],
    ["edges", plane, on("CANNY")],
    ["edges above thresholds", plane, on("CANNY", { LOW_THRESHOLD: "20.0", HIGH_THRESHOLD: "60.0" })],
    ["edges of colors", color, on("CANNY")],
    [
      "all but edges",
      plane,
      {
        ...on("RESIZE", { OUTPUT_SHAPE: "(64, 70)" }),
        ...on("GAUSSIAN_BLUR"),
        ...on("MEDIAN_BLUR"),
        ...on("CLAHE"),
      },
    ],
  ] as const
).flatMap(([what, shape, settings]) =>
  (["uint8", "uint16", "float32"] as const).map((sampleType) => ({
    name: `${what} (${sampleType})`,
    shape,
    sampleType,
    settings,
  })),
);

/** Smooth blobs with noise, over most of the pixel type's range. */
function image({ shape, sampleType }: Case): Image {
  const random = new Random(11);
  const [, height, width, channels] = shape;
  const data = new SAMPLE_ARRAYS[sampleType](shape.reduce((product, size) => product * size, 1));
  const scale = { uint8: 255, uint16: 60000, float32: 1 }[sampleType as "uint8"] ?? 1;
  for (let at = 0; at < data.length; at++) {
    const pixel = Math.floor(at / channels);
    const [x, y, z] = [pixel % width, Math.floor(pixel / width) % height, Math.floor(pixel / width / height)];
    const wave = Math.sin(x / 4 + (at % channels)) * Math.cos(y / 5) * Math.cos(z / 3);
    data[at] = scale * Math.min(Math.max(0.45 + 0.4 * wave + 0.05 * random.normal(), 0), 1);
  }
  return { shape, sampleType, data };
}

const references = join(import.meta.dirname, "../../media/samples/2d/test");
const MATCHED: Case = {
  name: "matched to the histogram of others (uint8)",
  shape: plane,
  sampleType: "uint8",
  settings: on("MATCH_HISTOGRAM", { REFERENCE_PATH: references }),
};
const ALL: readonly Case[] = [...CASES, MATCHED];

const folder = mkdtempSync(join(tmpdir(), "preprocess-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const fileOf = (index: number) => join(folder, `${index}.npy`);
const is2d = ({ shape }: Case) => shape[0] === 1;

before(async () => {
  if (skip) return;
  for (const [index, each] of ALL.entries()) {
    const { shape, data } = image(each);
    await writeNpy(fileOf(index), { shape: is2d(each) ? shape.slice(1) : shape, data });
  }
  const input = ALL.map((each, index) => ({
    image: fileOf(index),
    settings: Object.fromEntries(
      Object.entries(each.settings).map(([key, value]) => [key, value === "-1" ? -1 : value]),
    ),
    is2d: is2d(each),
  }));
  const judge = join(import.meta.dirname, "preprocess-judge.py");
  const { status, stderr } = spawnSync(python, [judge], { input: JSON.stringify(input), encoding: "utf8" });
  assert.equal(status, 0, stderr.slice(-3000));
  if (stderr.includes("Error")) console.error(stderr.slice(-3000));
});

for (const [index, each] of ALL.entries()) {
  test(`an image ${each.name} is BiaPy's`, { skip }, async () => {
    const lines = Object.entries(each.settings).map(([key, value]) => {
      const [step, name] = key.split(".");
      return `${step}: {${name}: ${JSON.stringify(value)}}`;
    });
    const grouped = new Map<string, string[]>();
    for (const line of lines) {
      const [, step, inner] = /^(\w+): \{(.*)\}$/.exec(line) ?? [];
      grouped.set(step, [...(grouped.get(step) ?? []), inner]);
    }
    const steps = [...grouped].map(([step, inner]) => `${step}: {${inner.join(", ")}}`).join(", ");
    const text = `PROBLEM: {NDIM: ${is2d(each) ? "2D" : "3D"}}\nDATA: {PREPROCESS: {TRAIN: True, ${steps}}}\n`;
    const { config, problems } = loadConfig("my.yaml", text);
    assert.deepEqual(problems, []);
    const prepare = await preprocessing(config, "TRAIN", "images");
    const ours = prepare?.apply(image(each));
    const theirs = await readNpy(`${fileOf(index)}.out.npy`);
    assert.deepEqual(is2d(each) ? ours?.shape.slice(1) : [...(ours?.shape ?? [])], theirs.shape);
    let [apart, largest] = [0, 0];
    for (const [at, value] of [...theirs.data].map(Number).entries()) {
      apart = Math.max(apart, Math.abs(value - Number(ours?.data[at])));
      largest = Math.max(largest, Math.abs(value));
    }
    // Whole numbers may lie on either side of where decimals are cut off.
    const allowed =
      each.sampleType === "float32" ? 1e-6 * Math.max(largest, 1) : each.settings["CANNY.ENABLE"] ? 0 : 1;
    assert.ok(apart <= allowed, `differs by ${apart}`);
  });
}
