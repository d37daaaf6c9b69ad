/** How each TensorFlow.js kernel is written in ONNX: the table that a trace looks kernels up in. */
import { convolutionLowerings } from "./convolution.ts";
import { depthwiseLowerings } from "./depthwise.ts";
import { elementwiseLowerings } from "./elementwise.ts";
import { indexingLowerings } from "./indexing.ts";
import { layerNormalizationLowerings } from "./layer-normalization.ts";
import type { Lowering } from "./lowering.ts";
import { matrixLowerings } from "./matrix-products.ts";
import { normalizationLowerings } from "./normalization.ts";
import { poolingLowerings } from "./pooling.ts";
import { reductionLowerings } from "./reductions.ts";
import { shapeLowerings } from "./shapes.ts";

export const lowerings: Readonly<Record<string, Lowering>> = {
  ...elementwiseLowerings,
  ...shapeLowerings,
  ...indexingLowerings,
  ...reductionLowerings,
  ...matrixLowerings,
  ...layerNormalizationLowerings,
  ...normalizationLowerings,
  ...convolutionLowerings,
  ...depthwiseLowerings,
  ...poolingLowerings,
};
