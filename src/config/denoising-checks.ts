/** Checks keys of denoising (Noise2Void) by the rules of BiaPy 3.7.1 and of the embedded engine. */
import type { Problem } from "../facts/run-events.ts";
import { N2V_MANIPULATORS } from "../facts/workflows.ts";
import { namesOf } from "./basics.ts";
import type { Config } from "./config.ts";
import {
  checkArchitecture,
  checkGroundTruthPath,
  checkLabelKeys,
  checkMetricNames,
  type PathSettings,
} from "./task-checks.ts";

/** Checks the keys of a denoising. */
export function checkDenoising(config: Config, paths: PathSettings): Problem[] {
  return [
    ...checkArchitecture(config, "denoising", "denoises images"),
    ...checkLoss(config),
    ...checkLabelKeys(config),
    ...checkMetricNames(config, ["mae", "mse"]),
    ...checkSpots(config),
    ...checkCleanImages(config, paths),
  ];
}

function checkLoss(config: Config): Problem[] {
  const names = namesOf(config, "LOSS.TYPE");
  const weights = config.numbers("LOSS.WEIGHTS");
  const problems: Problem[] = [];
  if (names.length > 0 && String(names) !== "MSE") {
    const adversarial = names.some((name) => ["BCE", "HINGE"].includes(name));
    const message = adversarial
      ? "the embedded engine has no adversarial losses (BCE, HINGE); they need BiaPy itself."
      : `denoising has the loss [MSE] only, over the hidden pixels, not [${names.join(", ")}].`;
    problems.push(config.problem("LOSS.TYPE", message, "[MSE]"));
  }
  if (weights.length > 0 && weights.length !== Math.max(names.length, 1)) {
    const message = `one loss has one weight, not ${weights.length}.`;
    problems.push(config.problem("LOSS.WEIGHTS", message, "[1.0]"));
  }
  return problems;
}

function checkSpots(config: Config): Problem[] {
  const problems: Problem[] = [];
  const percent = config.number("PROBLEM.DENOISING.N2V_PERC_PIX");
  if (!(percent > 0 && percent <= 1)) {
    const message = `the percentage of hidden pixels is above 0 and at most 1, not ${percent}.`;
    problems.push(config.problem("PROBLEM.DENOISING.N2V_PERC_PIX", message, "0.198"));
  }
  const manipulator = config.text("PROBLEM.DENOISING.N2V_MANIPULATOR");
  if (!N2V_MANIPULATORS.some((name) => name === manipulator)) {
    const message = `is one of ${N2V_MANIPULATORS.join(", ")}; it cannot be ${manipulator}.`;
    problems.push(config.problem("PROBLEM.DENOISING.N2V_MANIPULATOR", message, "uniform_withCP"));
  }
  const radius = config.number("PROBLEM.DENOISING.N2V_NEIGHBORHOOD_RADIUS");
  if (radius < 1) {
    const message = `a hidden pixel gets its value from at least 1 pixel around it, not ${radius}.`;
    problems.push(config.problem("PROBLEM.DENOISING.N2V_NEIGHBORHOOD_RADIUS", message, "5"));
  }
  return problems;
}

/** Checks clean images: LOAD_GT_DATA trains on them, LOAD_GT compares test images with them. */
function checkCleanImages(config: Config, paths: PathSettings): Problem[] {
  const problems: Problem[] = [];
  const learns = config.flag("PROBLEM.DENOISING.LOAD_GT_DATA");
  if (config.flag("TRAIN.ENABLE") && learns) {
    problems.push(...checkGroundTruthPath(config, "TRAIN", paths));
    if (!config.flag("DATA.VAL.FROM_TRAIN")) problems.push(...checkGroundTruthPath(config, "VAL", paths));
  }
  if (!config.flag("TEST.ENABLE") || !config.flag("DATA.TEST.LOAD_GT")) return problems;
  if (!learns) {
    const message =
      "BiaPy itself refuses this together with LOAD_GT_DATA: False; the embedded engine measures the test images by DATA.TEST.GT_PATH.";
    problems.push(config.warning("DATA.TEST.LOAD_GT", message));
  }
  return [...problems, ...checkGroundTruthPath(config, "TEST", paths)];
}
