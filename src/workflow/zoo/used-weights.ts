/** Which of a package's weights this engine uses. */

import type { EmbeddedArchitecture } from "../../facts/architectures.ts";
import { keysOf } from "../../facts/checked-lists.ts";
import type { PackageDescription } from "./read-package.ts";
import { BIAPY_CLASSES } from "./torch-architecture.ts";

/** Classes of this program's own packages. */
const OWN_CLASSES: Readonly<Record<string, EmbeddedArchitecture>> = {
  RestoringTransformer: "vit",
  Encoder: "mae",
  Reconstruction: "mae",
};

/** The architecture that a class builds; undefined for classes of others. */
export function architectureNamed(callable: string): EmbeddedArchitecture | undefined {
  const own = OWN_CLASSES[callable];
  if (own !== undefined) return own;
  const found = keysOf(BIAPY_CLASSES).find((each) => BIAPY_CLASSES[each]?.[1] === callable);
  return found ?? (callable === "STUNet" ? "stunet" : undefined);
}

/** PyTorch's weights for networks that this engine builds; else the network in ONNX, if there is one. */
export function usedWeights({
  pytorch_state_dict: torch,
  onnx,
}: PackageDescription["weights"]): "pytorch" | "onnx" {
  if (torch == null) return "onnx";
  return onnx == null || architectureNamed(torch.architecture.callable) !== undefined ? "pytorch" : "onnx";
}
