/** Arithmetic and layer normalization of many rows of few values. */
import { test } from "node:test";
import { layerNormalization } from "../../src/runtime/normalization.ts";
import { agree, type Layer } from "../support/layer-judge.ts";

const IMAGES = [2, 64, 66, 16];

/** Sums over 8448 rows, which round more. */
const TOLERANCE = 1e-4;

for (const [name, weight] of [
  ["a row", [16]],
  ["a row for each image", [2, 1, 1, 16]],
  ["a column", [2, 64, 66, 1]],
  ["a line of each image", [2, 64, 1, 16]],
  ["a number for each image", [2, 1, 1, 1]],
  ["a number for each line", [64, 1, 1]],
] as const) {
  const layers: Readonly<Record<string, Layer>> = {
    sum: (x, y) => x.add(y),
    difference: (x, y) => y.sub(x),
    product: (x, y) => x.mul(y),
  };
  for (const [operation, layer] of Object.entries(layers))
    test(`${operation} of images and ${name}: result and gradients equal TensorFlow.js's`, () =>
      agree(layer, layer, IMAGES, weight, TOLERANCE));
}

test("a column and a number: result and gradients equal TensorFlow.js's", () => {
  const layer: Layer = (x, number) => x.mul(number).add(0.5);
  return agree(layer, layer, [2, 257, 260, 1], [1], 1e-3);
});

test("layer normalization of few features: result and gradients equal TensorFlow.js's", () => {
  const layer: Layer = (x, gamma) => layerNormalization(x, gamma, gamma.square(), 1e-5);
  return agree(layer, layer, IMAGES, [16], TOLERANCE);
});

test("layer normalization of few features of images stored otherwise: result and gradients equal TensorFlow.js's", () => {
  const layer: Layer = (x, gamma) => layerNormalization(x.transpose([0, 2, 1, 3]), gamma, gamma, 1e-5);
  return agree(layer, layer, [2, 5, 7, 6], [6], TOLERANCE);
});

test("sums over the pixels of each image: result and gradients equal TensorFlow.js's", () => {
  const layer: Layer = (x, weight) => x.square().sum([1, 2]).mul(weight);
  return agree(layer, layer, [2, 30, 31, 16], [2, 16], TOLERANCE);
});
