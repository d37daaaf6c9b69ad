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

type Described = Pick<PackageDescription, "weights" | "tags" | "cite" | "config">;

/** What a package says about its class in PyTorch: the architecture of BiaPy, or why it is none. */
export interface TorchClass {
  readonly architecture?: EmbeddedArchitecture;
  readonly whyNot?: string;
}

/**
 * Returns the architecture of a package's weights, or why this engine does not build it. Packages of others may have classes of the same
 * name (UNETR, EDSR, …).
 */
export function torchClass(description: Described): TorchClass {
  const given = description.weights.pytorch_state_dict?.architecture;
  if (given === undefined) return {};
  const { callable, import_from: module } = given;
  if (!isOfBiapy(description)) {
    const from = typeof module === "string" ? ` (${module})` : "";
    return {
      whyNot: `its network is ${callable}${from}, and neither the class's module nor tags or citations name BiaPy`,
    };
  }
  const architecture = architectureNamed(callable);
  if (architecture !== undefined) return { architecture };
  const known = Object.keys(BIAPY_CLASSES).join(", ");
  return {
    whyNot: `its network is ${callable}, which is not one of BiaPy's that this engine builds (${known}, vit, mae)`,
  };
}

/** Whether this program wrote a package. */
const isOwnPackage = ({ config }: Pick<PackageDescription, "config">): boolean =>
  typeof config?.biapy_studio === "object" && config.biapy_studio !== null;

/**
 * Whether a package's class is BiaPy's: the class is imported from BiaPy's modules, or the package holds its source and names BiaPy in
 * a tag or a citation.
 */
function isOfBiapy(description: Described): boolean {
  const module = description.weights.pytorch_state_dict?.architecture.import_from;
  if (typeof module === "string") return /^biapy(\.|$)/.test(module);
  if (isOwnPackage(description)) return true;
  if ((description.tags ?? []).some((tag) => String(tag).toLowerCase() === "biapy")) return true;
  return (description.cite ?? []).some(
    (each) =>
      typeof each === "object" && each !== null && "text" in each && /\bBiaPy\b/i.test(String(each.text)),
  );
}

function architectureNamed(callable: string): EmbeddedArchitecture | undefined {
  const own = Object.hasOwn(OWN_CLASSES, callable) ? OWN_CLASSES[callable] : undefined;
  if (own !== undefined) return own;
  const found = keysOf(BIAPY_CLASSES).find((each) => BIAPY_CLASSES[each]?.[1] === callable);
  return found ?? (callable === "STUNet" ? "stunet" : undefined);
}

/**
 * Returns the weights to use first: PyTorch's where this engine builds the network, else the network in ONNX. Undefined if there are none. Where
 * PyTorch's cannot be read or turn out to be of another network, the network in ONNX is used.
 */
export function usedWeights(description: Described): "pytorch_state_dict" | "onnx" | undefined {
  if (torchClass(description).architecture !== undefined) return "pytorch_state_dict";
  return description.weights.onnx == null ? undefined : "onnx";
}

/** Returns the message for a package whose weights this engine cannot use. */
export function unusable(path: string, description: Described): string {
  const { whyNot } = torchClass(description);
  const reason = whyNot === undefined ? "" : ` (${whyNot})`;
  return `${path} has neither weights of BiaPy's networks${reason} nor a network in ONNX: this engine uses no other formats.`;
}
