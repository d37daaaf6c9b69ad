/** Checks keys of preprocessing, filtering and cross-validation by the rules of BiaPy 3.7.1 and the embedded engine. */
import type { Problem } from "../facts/run-events.ts";
import { channelsOf, ndimOf, PHASES, type Phase, workflowOf } from "./basics.ts";
import type { Config } from "./config.ts";
import { mayExist, resolvedAgainst } from "./task-checks.ts";
import { fillsPadding } from "./test-checks.ts";

/**
 * Checks the keys that say how images are prepared and divided.
 *
 * @param folder the folder against which relative paths are resolved
 * @param network whether paths on other computers may be accessed
 */
export function checkPreparation(config: Config, folder: string, network: boolean): Problem[] {
  return [
    ...checkColor(config),
    ...checkPreprocessing(config, folder, network),
    ...PHASES.flatMap((phase) => checkFilter(config, phase)),
    ...checkCrossValidation(config),
    ...checkIgnored(config),
  ];
}

function checkColor(config: Config): Problem[] {
  const channels = channelsOf(config);
  if (!config.flag("DATA.FORCE_RGB") || channels === 3) return [];
  const patch = [...config.numbers("DATA.PATCH_SIZE").slice(0, -1), 3];
  const message = `DATA.FORCE_RGB makes images of 3 channels, and the last number here says ${channels}.`;
  return [config.problem("DATA.PATCH_SIZE", message, `(${patch.join(",")})`)];
}

function checkPreprocessing(config: Config, folder: string, network: boolean): Problem[] {
  const on = PHASES.filter((phase) => config.flag(`DATA.PREPROCESS.${phase}`));
  if (on.length === 0) return [];
  const problems = [
    ...checkResize(config),
    ...checkMedian(config),
    ...checkHistogram(config, folder, network),
    ...checkColorSteps(config),
  ];
  if (config.flag("DATA.PREPROCESS.VAL") && config.flag("DATA.VAL.FROM_TRAIN")) {
    const message =
      "validation patches are a share of the training images, which DATA.PREPROCESS.TRAIN prepares.";
    problems.push(config.warning("DATA.PREPROCESS.VAL", message, "False"));
  }
  if (config.flag("DATA.PREPROCESS.ZOOM.ENABLE")) {
    const message = "zooming needs BiaPy itself, which does it for TEST.BY_CHUNKS alone.";
    problems.push(config.needsBiapy("DATA.PREPROCESS.ZOOM.ENABLE", message, "False"));
  }
  if (config.flag("TEST.BY_CHUNKS.ENABLE") && config.flag("DATA.PREPROCESS.TEST")) {
    const message = "preprocessing takes whole images, which TEST.BY_CHUNKS does not read.";
    problems.push(config.problem("DATA.PREPROCESS.TEST", message, "False"));
  }
  return problems;
}

function checkResize(config: Config): Problem[] {
  if (!config.flag("DATA.PREPROCESS.RESIZE.ENABLE")) return [];
  const problems: Problem[] = [];
  const ndim = ndimOf(config);
  const key = "DATA.PREPROCESS.RESIZE.OUTPUT_SHAPE";
  const sizes = config.numbers(key);
  const patch = config.numbers("DATA.PATCH_SIZE").slice(0, ndim);
  const unset = ndim === 3 && String(sizes) === "512,512";
  if (sizes.length !== ndim && !unset)
    problems.push(config.problem(key, `a ${ndim}D problem has ${ndim} sizes, not ${sizes.length}.`));
  else if (sizes.some((size, axis) => size < (patch[axis] ?? 0)))
    problems.push(
      config.problem(key, `${sizes.join(" x ")} is smaller than a patch (${patch.join(" x ")}).`),
    );
  const order = config.number("DATA.PREPROCESS.RESIZE.ORDER");
  if (order < 0 || order > 5) {
    const message = "0 takes the nearest pixel, 1 interpolates linearly, 2 to 5 by splines.";
    problems.push(config.problem("DATA.PREPROCESS.RESIZE.ORDER", message, "1"));
  }
  if (order > 1 && !config.flag("DATA.PREPROCESS.RESIZE.CLIP")) {
    const message =
      "splines overshoot at edges. Unclipped values beyond the range of an integer pixel type wrap around, in BiaPy too.";
    problems.push(config.warning("DATA.PREPROCESS.RESIZE.CLIP", message, "True"));
  }
  return problems;
}

function checkMedian(config: Config): Problem[] {
  if (!config.flag("DATA.PREPROCESS.MEDIAN_BLUR.ENABLE")) return [];
  const key = "DATA.PREPROCESS.MEDIAN_BLUR.KERNEL_SIZE";
  const ndim = ndimOf(config);
  const sizes = config.numbers(key);
  if (sizes.length === ndim + 1) return [];
  const form = ndim === 3 ? "(z, y, x, channel)" : "(y, x, channel)";
  const suggestion = ndim === 3 ? "(3,3,3,1)" : "(3,3,1)";
  return [config.problem(key, `a ${ndim}D problem has ${form}, not ${sizes.length} numbers.`, suggestion)];
}

function checkHistogram(config: Config, folder: string, network: boolean): Problem[] {
  if (!config.flag("DATA.PREPROCESS.MATCH_HISTOGRAM.ENABLE")) return [];
  const key = "DATA.PREPROCESS.MATCH_HISTOGRAM.REFERENCE_PATH";
  const written = config.text(key);
  if (mayExist(written, folder, network)) return [];
  return [config.problem(key, `the folder ${written} does not exist${resolvedAgainst(written, folder)}.`)];
}

function checkColorSteps(config: Config): Problem[] {
  const problems: Problem[] = [];
  const [ndim, channels] = [ndimOf(config), channelsOf(config)];
  if (config.flag("DATA.PREPROCESS.CANNY.ENABLE")) {
    const key = "DATA.PREPROCESS.CANNY.ENABLE";
    if (ndim === 3) problems.push(config.problem(key, "edges are found in 2D images alone.", "False"));
    else if (channels !== 1 && !config.flag("DATA.FORCE_RGB"))
      problems.push(
        config.problem(key, `edges have one channel, and DATA.PATCH_SIZE says ${channels}.`, "False"),
      );
  }
  if (config.flag("DATA.PREPROCESS.CLAHE.ENABLE") && ndim === 3 && channels === 3) {
    const message = "stacks of three colors need BiaPy itself.";
    problems.push(config.needsBiapy("DATA.PREPROCESS.CLAHE.ENABLE", message, "False"));
  }
  return problems;
}

const PROPERTIES = ["mean", "min", "max"];
const OF_TARGETS = [
  ...["foreground", "target_mean", "target_min", "target_max"],
  ...["diff", "diff_by_min_max_ratio", "diff_by_target_min_max_ratio"],
];
const SIGNS = ["gt", "ge", "lt", "le"];

/** Whether a phase has ground truth. */
function hasTargets(config: Config, phase: Phase): boolean {
  const workflow = workflowOf(config);
  if (workflow === "segmentation") return phase !== "TEST" || config.flag("DATA.TEST.LOAD_GT");
  return workflow === "crappify";
}

/** Checks the samples that a phase leaves out. */
export function checkFilter(config: Config, phase: Phase): Problem[] {
  const group = `DATA.${phase}.FILTER_SAMPLES` as const;
  if (!config.flag(`${group}.ENABLE`)) return [];
  const read = (name: "PROPS" | "VALUES" | "SIGNS") => {
    const list = config.value(`${group}.${name}`);
    const entries = Array.isArray(list) ? list : [];
    return {
      /** Number of entries of each inner list, such as `1,2`. */
      sizes: entries.map((each) => [each].flat().length).join(),
      entries: entries.flat().map(String),
    };
  };
  const [properties, values, signs] = [read("PROPS"), read("VALUES"), read("SIGNS")];
  const problem = (name: "PROPS" | "VALUES" | "SIGNS", message: string) => [
    config.problem(`${group}.${name}`, message),
  ];
  if (properties.sizes === "")
    return problem("PROPS", "it names no property: [[mean], [min, max]] is two conditions.");
  if (values.sizes !== properties.sizes)
    return problem("VALUES", "a value for each of PROPS, in lists alike.");
  if (signs.sizes !== properties.sizes) return problem("SIGNS", "a sign for each of PROPS, in lists alike.");
  const allowed = hasTargets(config, phase) ? [...PROPERTIES, ...OF_TARGETS] : PROPERTIES;
  const unknown = properties.entries.find((each) => !allowed.includes(each));
  if (unknown !== undefined) return problem("PROPS", `${unknown} is none of ${allowed.join(", ")}.`);
  const sign = signs.entries.find((each) => !SIGNS.includes(each));
  return sign === undefined ? [] : problem("SIGNS", `${sign} is none of ${SIGNS.join(", ")}.`);
}

/** Checks how training images are divided. */
export function checkCrossValidation(config: Config): Problem[] {
  const problems: Problem[] = [];
  const crosses = config.flag("DATA.VAL.CROSS_VAL");
  if (config.flag("DATA.TEST.USE_VAL_AS_TEST") && !crosses) {
    const message = "validation images are tested with DATA.VAL.CROSS_VAL alone.";
    problems.push(config.problem("DATA.TEST.USE_VAL_AS_TEST", message, "False"));
  }
  if (!crosses) return problems;
  const [folds, fold] = [config.number("DATA.VAL.CROSS_VAL_NFOLD"), config.number("DATA.VAL.CROSS_VAL_FOLD")];
  if (!config.flag("DATA.VAL.FROM_TRAIN"))
    problems.push(
      config.problem(
        "DATA.VAL.CROSS_VAL",
        "it needs DATA.VAL.FROM_TRAIN: parts of the training images.",
        "False",
      ),
    );
  if (folds < 2)
    problems.push(config.problem("DATA.VAL.CROSS_VAL_NFOLD", "there are at least two parts.", "5"));
  else if (fold < 1 || fold > folds)
    problems.push(
      config.problem("DATA.VAL.CROSS_VAL_FOLD", `one of the parts 1 to ${folds}, not ${fold}.`, "1"),
    );
  return problems;
}

/** Warns of keys that change nothing in the embedded engine. */
function checkIgnored(config: Config): Problem[] {
  const problems: Problem[] = [];
  if (config.flag("DATA.TEST.ROI_MASK.ENABLE")) {
    const message = "the embedded engine ignores this mask and predicts whole images.";
    problems.push(
      config.text("DATA.TEST.ROI_MASK.PATH") === ""
        ? config.problem("DATA.TEST.ROI_MASK.PATH", "it is not set.")
        : config.warning("DATA.TEST.ROI_MASK.ENABLE", message, "False"),
    );
  }
  if (config.flag("DATA.TEST.MEDIAN_PADDING") && !fillsPadding(config)) {
    const message = config.flag("TEST.BY_CHUNKS.ENABLE")
      ? "it changes nothing: TEST.BY_CHUNKS pads by reflection."
      : "it changes nothing: only 3D patches with padding have something to fill.";
    problems.push(config.warning("DATA.TEST.MEDIAN_PADDING", message, "False"));
  }
  return problems;
}
