/** Rules of BiaPy 3.7.1's workflows that its engine checks before it starts, self-supervision excepted: the embedded engine trains that. */
import { LOSSES } from "../facts/losses.ts";
import type { Problem } from "../facts/run-events.ts";
import { type NamesKey, namesOf, unknownNames } from "./basics.ts";
import type { Config } from "./config.ts";

interface Rules {
  /** TRAIN.METRICS, in lower case. */
  readonly trained: readonly string[];
  /** TEST.METRICS. Defaults to those of training. */
  readonly tested?: readonly string[];
  /** LOSS.TYPE, in capitals. */
  readonly losses?: readonly string[];
}

const IMAGE_LOSSES = Object.keys(LOSSES).filter((name) => LOSSES[name]?.workflows.includes("crappify"));
const ADVERSARIAL = ["BCE", "HINGE"];
const ALL_OF_IMAGES = [...IMAGE_LOSSES, ...ADVERSARIAL];
const OF_IMAGES = ["psnr", "mae", "mse", "ssim", "pcc"];
const OF_TESTED_IMAGES = [...OF_IMAGES, "fid", "is", "lpips"];

const RULES: Readonly<Record<string, Rules>> = {
  SEMANTIC_SEG: { trained: ["iou"], losses: ["CE", "DICE"] },
  INSTANCE_SEG: { trained: ["iou"] },
  DETECTION: { trained: ["iou"] },
  SUPER_RESOLUTION: { trained: OF_IMAGES, tested: OF_TESTED_IMAGES, losses: IMAGE_LOSSES },
  IMAGE_TO_IMAGE: { trained: OF_IMAGES, tested: OF_TESTED_IMAGES, losses: ALL_OF_IMAGES },
  DENOISING: { trained: ["mae", "mse"], losses: ["MSE", ...ADVERSARIAL] },
  CLASSIFICATION: { trained: ["accuracy", "top-5-accuracy"], tested: ["accuracy"], losses: ["CE"] },
};

/** Returns wrong metrics and losses of a workflow, and tests of a network that is neither trained nor loaded. */
export function checkBiapyWorkflow(config: Config): Problem[] {
  const type = config.text("PROBLEM.TYPE");
  const rules = Object.hasOwn(RULES, type) ? RULES[type] : undefined;
  const untrained = [...checkTestedModel(config), ...checkAdversarial(config)];
  if (rules === undefined) return untrained;
  const { trained, tested = trained, losses } = rules;
  // Membrane repair has its own losses.
  const anyLoss = losses === undefined || config.flag("PROBLEM.IMAGE_TO_IMAGE.MEMBRANE_REPAIR.ENABLE");
  return [
    ...untrained,
    ...checkNames(config, "TRAIN.METRICS", trained),
    ...checkNames(config, "TEST.METRICS", tested),
    ...(anyLoss
      ? []
      : checkNames(config, "LOSS.TYPE", isAdversarialDenoising(config) ? ALL_OF_IMAGES : losses)),
  ];
}

/** Whether a denoising has an adversarial loss. BiaPy then adds any losses of images. */
const isAdversarialDenoising = (config: Config) =>
  config.text("PROBLEM.TYPE") === "DENOISING" &&
  namesOf(config, "LOSS.TYPE").some((name) => ADVERSARIAL.includes(name));

/** Losses of earlier versions that BiaPy converts to several, if they are written without a list. */
const CONVERTED = ["CYCLEGAN", "MEMBRANE_REPAIR_AFFINITY"];

/** A single name may be written without a list. */
function checkNames(config: Config, key: NamesKey, known: readonly string[]): Problem[] {
  const value = config.value(key);
  if (CONVERTED.some((name) => name === value)) return [];
  const wrong = unknownNames(config, key, ["", ...known]);
  if (wrong.length === 0) return [];
  const message = `BiaPy 3.7.1 takes ${known.join(", ")} in ${config.text("PROBLEM.TYPE")}, not ${wrong.join(", ")}.`;
  const right = config.texts(key).filter((name) => !wrong.includes(name));
  const [first = ""] = known;
  return [config.problem(key, message, `[${(right.length > 0 ? right : [first]).join(", ")}]`)];
}

/** Checks that NAFNet has an adversarial loss, which BiaPy 3.7.1 always trains it with. */
function checkAdversarial(config: Config): Problem[] {
  if (config.text("MODEL.ARCHITECTURE") !== "nafnet") return [];
  if (namesOf(config, "LOSS.TYPE").some((name) => ADVERSARIAL.includes(name))) return [];
  const message = `BiaPy 3.7.1 trains nafnet with an adversarial loss: ${ADVERSARIAL.join(" or ")} is missing.`;
  return [config.problem("LOSS.TYPE", message)];
}

function checkTestedModel(config: Config): Problem[] {
  const key = "MODEL.LOAD_CHECKPOINT";
  const loads = config.flag(key) || config.text("MODEL.SOURCE") !== "biapy";
  if (loads || config.flag("TRAIN.ENABLE") || !config.flag("TEST.ENABLE")) return [];
  const message =
    "BiaPy 3.7.1 tests only what it trains (TRAIN.ENABLE) or loads. Set it to True, and PATHS.CHECKPOINT_FILE to the checkpoint.";
  return [config.problem(key, message)];
}
