/** Checks keys of segmentation by the rules of BiaPy 3.7.1 and of the embedded engine. */
import { embeddedLosses } from "../facts/losses.ts";
import type { Problem } from "../facts/run-events.ts";
import { logitsOf } from "../facts/workflows.ts";
import { architectureOf, channelsOf, namesOf } from "./basics.ts";
import type { Config } from "./config.ts";
import {
  checkArchitecture,
  checkGroundTruthPath,
  checkLabelKeys,
  checkMetricNames,
  type PathSettings,
} from "./task-checks.ts";

/** Checks the keys of a segmentation. */
export function checkSegmentation(config: Config, paths: PathSettings): Problem[] {
  return [
    ...checkArchitecture(config, "segmentation", "segments images"),
    ...checkOutputs(config),
    ...checkClasses(config),
    ...checkLoss(config),
    ...checkLabelKeys(config),
    ...checkClassWeights(config),
    ...checkMetricNames(config, ["iou"]),
    ...checkMasks(config, paths),
  ];
}

/** Checks the number of channels that EDSR returns, which is that of its images: it has no argument for the number of output channels. */
function checkOutputs(config: Config): Problem[] {
  const logits = logitsOf(config.number("DATA.N_CLASSES"));
  if (architectureOf(config) !== "edsr" || channelsOf(config) === logits) return [];
  const message = `edsr returns the channels of its images, ${channelsOf(config)}, and these classes need ${logits}. Choose another architecture.`;
  return [config.problem("MODEL.ARCHITECTURE", message, "unet")];
}

/** Checks that there are classes. */
export function checkClasses(config: Config): Problem[] {
  const classes = config.number("DATA.N_CLASSES");
  if (classes >= 2) return [];
  const message = `there are at least two classes, background and foreground, not ${classes}.`;
  return [config.problem("DATA.N_CLASSES", message, "2")];
}

function checkLoss(config: Config): Problem[] {
  const names = namesOf(config, "LOSS.TYPE");
  const weights = config.numbers("LOSS.WEIGHTS");
  const problems: Problem[] = [];
  const unknown = names.filter((name) => !embeddedLosses("segmentation").includes(name));
  if (unknown.length > 0) {
    const message = `segmentation has the losses [CE], [DICE] or [DICE, CE], not ${unknown.join(", ")}.`;
    return [config.problem("LOSS.TYPE", message, "[CE]")];
  }
  if (new Set(names).size < names.length) {
    const message = `each loss stands here once, not [${names.join(", ")}].`;
    problems.push(config.problem("LOSS.TYPE", message, `[${[...new Set(names)].join(", ")}]`));
  }
  if (config.number("DATA.N_CLASSES") > 2 && String(names) === "DICE") {
    const message = "more than two classes need CE among the losses: [CE] or [DICE, CE].";
    problems.push(config.problem("LOSS.TYPE", message, "[DICE, CE]"));
  }
  const needed = Math.max(names.length, 1);
  if (weights.length > 0 && weights.length !== needed) {
    const message = `${needed} ${needed === 1 ? "loss has one weight" : "losses have two weights"}, not ${weights.length}.`;
    problems.push(config.problem("LOSS.WEIGHTS", message));
  }
  return problems;
}

/** Checks LOSS.CLASS_WEIGHTS, which applies without CLASS_REBALANCE too if Dice is combined with cross entropy. */
function checkClassWeights(config: Config): Problem[] {
  const key = "LOSS.CLASS_WEIGHTS";
  const weights = config.numbers(key).length;
  const classes = config.number("DATA.N_CLASSES");
  const manual = config.text("LOSS.CLASS_REBALANCE") === "manual";
  const single = namesOf(config, "LOSS.TYPE").length < 2;
  if (manual || weights === 0 || weights === classes || (classes <= 2 && single)) return [];
  return [config.problem(key, `one number for each of ${classes} classes (DATA.N_CLASSES), not ${weights}.`)];
}

/** Checks the folders of masks that are needed. */
function checkMasks(config: Config, paths: PathSettings): Problem[] {
  const problems: Problem[] = [];
  if (config.flag("TRAIN.ENABLE")) {
    problems.push(...checkGroundTruthPath(config, "TRAIN", paths));
    if (!config.flag("DATA.VAL.FROM_TRAIN")) problems.push(...checkGroundTruthPath(config, "VAL", paths));
  }
  if (config.flag("TEST.ENABLE") && config.flag("DATA.TEST.LOAD_GT"))
    problems.push(...checkGroundTruthPath(config, "TEST", paths));
  return problems;
}
