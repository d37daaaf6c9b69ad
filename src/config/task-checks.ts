/** Checks that several workflows share. */
import { existsSync, statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { ARCHITECTURES, embeddedArchitectures } from "../facts/architectures.ts";
import { isNetworkPath } from "../facts/files/network-path.ts";
import type { Problem } from "../facts/run-events.ts";
import type { WorkflowName } from "../facts/workflows.ts";
import { architectureOf, type Phase, unknownNames } from "./basics.ts";
import type { Config } from "./config.ts";
import type { TextKey } from "./key-names.ts";
import { nearestFolder } from "./nearest-folder.ts";

/**
 * Checks that a workflow has the configuration's architecture, in its dimensions.
 *
 * @param does what the workflow does, to follow "the embedded engine"
 */
export function checkArchitecture(config: Config, workflow: WorkflowName, does: string): Problem[] {
  const key = "MODEL.ARCHITECTURE";
  const architecture = architectureOf(config);
  const names = embeddedArchitectures(workflow);
  const { dimensions = [], workflows = [] } = ARCHITECTURES.get(architecture) ?? {};
  if (!names.some((name) => name === architecture)) {
    const message = `the embedded engine ${does} with ${names.join(", ")}; ${architecture}`;
    return workflows.includes(workflow)
      ? [config.needsBiapy(key, `${message} needs BiaPy itself.`, "unet")]
      : [config.problem(key, `${message} is not one of them, and BiaPy 3.7.1 refuses it too.`, "unet")];
  }
  const ndim = config.text("PROBLEM.NDIM");
  if (dimensions.some((each) => each === ndim)) return [];
  return [config.problem(key, `${architecture} works in ${dimensions.join(" and ")} only, not in ${ndim}.`)];
}

/** The folder against which a configuration's paths are resolved, and whether those on other computers may be accessed. */
export type PathSettings = readonly [folder: string, network: boolean];

/** Whether a path exists. One on another computer counts as existing where `network` says that it may not be accessed. */
export const mayExist = (written: string, folder: string, network: boolean): boolean =>
  (!network && isNetworkPath(written)) || existsSync(resolve(folder, written));

/** Says where a relative path starts; empty for an absolute one. */
export const resolvedAgainst = (written: string, folder: string): string =>
  isAbsolute(written) ? "" : ` (resolved against ${folder})`;

/**
 * Checks that a key names a folder.
 *
 * @param folder the folder against which relative paths are resolved
 * @param network whether paths on other computers may be accessed
 */
export function checkFolder(config: Config, key: TextKey, folder: string, network: boolean): Problem[] {
  const written = config.text(key);
  if (written === "") return [config.problem(key, "names no folder.")];
  if (!network && isNetworkPath(written)) return [];
  const path = resolve(folder, written);
  if (existsSync(path) && statSync(path).isDirectory()) return [];
  const isFile = existsSync(path);
  const message = isFile
    ? `${written} is a file; ${key} must name a folder${resolvedAgainst(written, folder)}.`
    : `the folder ${written} does not exist${resolvedAgainst(written, folder)}.`;
  return [config.problem(key, message, isFile ? undefined : nearestFolder(written, folder))];
}

/** Checks where a phase's ground truth lies. */
export function checkGroundTruthPath(
  config: Config,
  phase: Phase,
  [folder, network]: PathSettings,
): Problem[] {
  // With INPUT_ZARR_MULTIPLE_DATA the ground truth lies in the images' own files.
  if (!config.flag(`DATA.${phase}.INPUT_ZARR_MULTIPLE_DATA`))
    return checkFolder(config, `DATA.${phase}.GT_PATH`, folder, network);
  const inside = `DATA.${phase}.INPUT_ZARR_MULTIPLE_DATA_GT_PATH` as const;
  if (config.text(inside) !== "") return [];
  const message = "says where in the files the ground truth is, such as volumes.labels, and is not set.";
  return [config.problem(inside, message)];
}

/** Checks TRAIN.METRICS and TEST.METRICS. @param names the metrics of a workflow, in lower case */
export function checkMetricNames(config: Config, names: readonly string[]): Problem[] {
  return (["TRAIN.METRICS", "TEST.METRICS"] as const).flatMap((key) => {
    const unknown = unknownNames(config, key, names);
    if (unknown.length === 0) return [];
    const message = `this workflow measures ${names.join(", ")}, not ${unknown.join(", ")}.`;
    return [config.problem(key, message, `[${names.join(", ")}]`)];
  });
}

const OF_CLASSES: readonly string[] = [
  ...["SEMANTIC_SEG", "INSTANCE_SEG", "DETECTION", "CLASSIFICATION", "IMAGE_TO_IMAGE"],
];

/** Checks that a workflow without classes has none, as BiaPy 3.7.1 requires. */
export function checkClassCount(config: Config): Problem[] {
  const key = "DATA.N_CLASSES";
  const type = config.text("PROBLEM.TYPE");
  if (config.number(key) <= 2 || OF_CLASSES.includes(type)) return [];
  return [config.problem(key, `${type} has no classes: leave this key out.`, "2")];
}

const HIGHEST_LABEL = 255;

/** Checks LOSS.CLASS_REBALANCE and LOSS.IGNORE_INDEX, which BiaPy reads in every workflow. */
export function checkLabelKeys(config: Config): Problem[] {
  const problems: Problem[] = [];
  const key = "LOSS.CLASS_WEIGHTS";
  const weights = config.numbers(key).length;
  const classes = config.number("DATA.N_CLASSES");
  if (config.text("LOSS.CLASS_REBALANCE") === "manual" && weights !== classes) {
    const found = weights === 0 ? "none is set" : `not ${weights}`;
    const message = `LOSS.CLASS_REBALANCE is manual, which needs one number for each of ${classes} classes (DATA.N_CLASSES): ${found}.`;
    problems.push(config.problem(key, message));
  }
  const ignored = config.number("LOSS.IGNORE_INDEX");
  if (ignored !== -1 && (ignored < 0 || ignored > HIGHEST_LABEL)) {
    const message = `a label from 0 to ${HIGHEST_LABEL} that is left out, or -1 for none; not ${ignored}.`;
    problems.push(config.problem("LOSS.IGNORE_INDEX", message, "-1"));
  }
  return problems;
}
