/** Checks keys of testing and of reading and tiling images against each other. */
import type { Problem } from "../facts/run-events.ts";
import { architectureOf, axesOf, ndimOf, PHASES, takesOneSize } from "./basics.ts";
import type { Config } from "./config.ts";

/** Checks the keys of TEST; none if TEST.ENABLE is off. */
export function checkTest(config: Config): Problem[] {
  if (!config.flag("TEST.ENABLE")) return [];
  const ndim = ndimOf(config);
  return [
    ...checkMemory(config),
    ...checkFullImage(config, ndim),
    ...checkEvaluation(config, ndim),
    ...checkChunks(config, ndim),
  ];
}

function checkMemory(config: Config): Problem[] {
  if (!config.flag("TEST.REDUCE_MEMORY")) return [];
  const message =
    "changes nothing in the embedded engine, which predicts images block by block, in full precision, in memory that does not grow with them.";
  return [config.warning("TEST.REDUCE_MEMORY", message, "False")];
}

function checkFullImage(config: Config, ndim: 2 | 3): Problem[] {
  if (!config.flag("TEST.FULL_IMG")) return [];
  const key = "TEST.FULL_IMG";
  const architecture = architectureOf(config);
  if (ndim === 3)
    return [config.warning(key, "3D images are predicted patch by patch all the same.", "False")];
  if (takesOneSize(config)) {
    const message = `${architecture} takes patches of one size only, so images cannot be predicted in one piece.`;
    return [config.problem(key, message, "False")];
  }
  if (!config.flag("TEST.BY_CHUNKS.ENABLE")) return [];
  return [config.problem(key, "an image is predicted either in one piece or by chunks.", "False")];
}

/** Checks how test images are measured, and their orientations. */
export function checkEvaluation(config: Config, ndim: 2 | 3): Problem[] {
  const problems: Problem[] = [];
  const border = config.value("TEST.EVAL_BORDER_CROP");
  if (Array.isArray(border) && border.length > 0 && border.length !== ndim) {
    const message = `a ${ndim}D problem has ${ndim} numbers, for ${ndim === 3 ? "z, y and x" : "y and x"}, not ${border.length}.`;
    problems.push(config.problem("TEST.EVAL_BORDER_CROP", message));
  }
  if (config.flag("TEST.ANALIZE_2D_IMGS_AS_3D_STACK")) {
    const message =
      ndim === 3 ? "does not apply to 3D images." : "the embedded engine predicts 2D images one by one.";
    const key = "TEST.ANALIZE_2D_IMGS_AS_3D_STACK";
    problems.push(ndim === 3 ? config.problem(key, message, "False") : config.warning(key, message, "False"));
  }
  const [y, x] = config.numbers("DATA.PATCH_SIZE").slice(ndim - 2);
  const turned = ["auto", "full"].includes(config.text("TEST.AUGMENTATION_GROUP"));
  if (config.flag("TEST.AUGMENTATION") && turned && y !== x && takesOneSize(config)) {
    const message = `patches of ${y} x ${x} pixels are flipped but not turned: that needs square ones.`;
    problems.push(config.warning("TEST.AUGMENTATION", message));
  }
  return problems;
}

/** Returns the name of a key of TEST.BY_CHUNKS. */
const chunksKey = <Name extends string>(name: Name) => `TEST.BY_CHUNKS.${name}` as const;

function checkChunks(config: Config, ndim: 2 | 3): Problem[] {
  if (!config.flag(chunksKey("ENABLE"))) return [];
  const problems: Problem[] = [];
  if (!config.texts(chunksKey("PHASES")).includes("prediction")) {
    const message = "the only phase of this workflow, prediction, is missing.";
    problems.push(config.problem(chunksKey("PHASES"), message, '["prediction"]'));
  }
  const [start, end] = [config.number(chunksKey("Z_START")), config.number(chunksKey("Z_END"))];
  const given = ([name, value]: readonly ["Z_START" | "Z_END", number]) =>
    value !== -1 && config.sets(chunksKey(name));
  const limits = (
    [
      ["Z_START", start],
      ["Z_END", end],
    ] as const
  ).filter(given);
  if (ndim === 2) {
    const message = "applies to 3D images only.";
    return [...problems, ...limits.map(([name]) => config.problem(chunksKey(name), message, "-1"))];
  }
  const padding = config.numbers("DATA.TEST.PADDING")[0] ?? 0;
  const perTile = config.numbers(chunksKey("WORKFLOW_PROCESS.PATCHES_PER_TILE"));
  const tile = ((config.numbers("DATA.PATCH_SIZE")[0] ?? Number.NaN) - 2 * padding) * (perTile[0] ?? 1);
  for (const [name, value] of limits.filter(([, slice]) => slice % tile !== 0)) {
    const near = String(Math.max(Math.round(value / tile), name === "Z_END" ? 1 : 0) * tile);
    const message = `${value} is not a multiple of ${tile} slices, which is what a chunk holds (DATA.PATCH_SIZE without DATA.TEST.PADDING, times PATCHES_PER_TILE): runs that share a volume must not share chunks.`;
    problems.push(config.problem(chunksKey(name), message, near));
  }
  if (start !== -1 && end !== -1 && start >= end) {
    problems.push(config.problem(chunksKey("Z_START"), `${start} does not lie before Z_END (${end}).`));
  }
  if (perTile.length !== 3) {
    const message = `three numbers, for z, y and x, not ${perTile.length}.`;
    problems.push(config.problem(chunksKey("WORKFLOW_PROCESS.PATCHES_PER_TILE"), message, "(1,1,1)"));
  }
  return problems;
}

/** Whether DATA.TEST.MEDIAN_PADDING fills anything: padded 3D patches of whole images. */
export const fillsPadding = (config: Config): boolean =>
  config.flag("DATA.TEST.MEDIAN_PADDING") &&
  !config.flag("TEST.BY_CHUNKS.ENABLE") &&
  ndimOf(config) === 3 &&
  config.numbers("DATA.TEST.PADDING").some((size) => size > 0);

/** The workflows in which BiaPy 3.7.1 knows DATA.TRAIN.PROBABILITY_MAP. */
const ANNOTATED = ["SEMANTIC_SEG", "INSTANCE_SEG", "DETECTION"];

/** Checks DATA.RESOLUTION_NORM. As in BiaPy, the pixel size of z is not used. */
export function checkResolution(config: Config): Problem[] {
  if (!config.flag("DATA.RESOLUTION_NORM.ENABLE")) return [];
  const key = "DATA.RESOLUTION_NORM.TARGET_RESOLUTION";
  const target = config.numbers(key);
  if (target.length === 3 && target.slice(1).every((size) => size > 0)) return [];
  const message = "the pixel size to train at, as three numbers (z, y, x) of which y and x are above 0.";
  return [config.problem(key, message, "(1.0, 1.0, 1.0)")];
}

/** Returns problems of how images are read and cut. */
export function checkImageKeys(config: Config): Problem[] {
  const ndim = ndimOf(config);
  const problems = checkResolution(config);
  if (config.flag("DATA.TRAIN.PROBABILITY_MAP")) {
    const key = "DATA.TRAIN.PROBABILITY_MAP";
    if (!config.flag("DATA.TRAIN.EXTRACT_RANDOM_PATCH"))
      problems.push(
        config.warning(key, "it changes nothing without DATA.TRAIN.EXTRACT_RANDOM_PATCH.", "False"),
      );
    else if (!ANNOTATED.includes(config.text("PROBLEM.TYPE")))
      problems.push(config.problem(key, "it needs annotated images; BiaPy refuses it here too.", "False"));
  }
  const patch = config.numbers("DATA.PATCH_SIZE").slice(0, ndim);
  for (const phase of PHASES) {
    const padding = config.numbers(`DATA.${phase}.PADDING`);
    if (patch.some((size, axis) => 2 * (padding[axis] ?? 0) >= size)) {
      const message = `nothing is left of patches of ${patch.join(" x ")} within a padding of ${padding.join(", ")}.`;
      problems.push(config.problem(`DATA.${phase}.PADDING`, message));
    }
    const axesKey = `DATA.${phase}.INPUT_IMG_AXES_ORDER` as const;
    const axes = config.text(axesKey).toUpperCase();
    const letters = new Set(axes);
    const known = /^[TZCYX]{2,5}$/.test(axes) && letters.size === axes.length;
    const needed = axesOf(config).map((axis) => axis.toUpperCase());
    if (!known || !needed.every((letter) => letters.has(letter))) {
      const message = `one letter an axis, of T, Z, C, Y and X, each once, ${needed.join(" and ")} among them; not ${axes}.`;
      problems.push(config.problem(axesKey, message, "TZCYX"));
    }
    const several = `DATA.${phase}.INPUT_ZARR_MULTIPLE_DATA` as const;
    if (!config.flag(several)) continue;
    if (ndim === 2) problems.push(config.problem(several, "is for 3D images only.", "False"));
    if (config.text(`${several}_RAW_PATH`) !== "") continue;
    const message = "says where in the files the images are, such as volumes.raw, and is not set.";
    problems.push(config.problem(`${several}_RAW_PATH`, message));
  }
  return problems;
}
