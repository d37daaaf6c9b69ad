/** Checks a configuration for the engine that will train it. */
import { copiesBeside } from "../facts/degraded-copies.ts";
import type { ENGINE_LABELS } from "../facts/engine-labels.ts";
import type { Problem } from "../facts/run-events.ts";
import { ndimOf, PHASES, pretextTask, workflowOf } from "./basics.ts";
import { checkBiapyWorkflow } from "./biapy-workflows.ts";
import {
  checkConfig,
  checkNormalization,
  checkOptimizers,
  checkPatch,
  checkPaths,
  checkSchedule,
  checkTask,
  checkTiles,
} from "./checks.ts";
import type { Config } from "./config.ts";
import { conversionFaults } from "./conversion-faults.ts";
import { loadsNetwork, takesNetwork } from "./loaded-network.ts";
import { checkIgnoredLosses } from "./loss-checks.ts";
import { checkBiapyDivisions, checkBiapyModel } from "./model-checks.ts";
import { checkBetas } from "./optimizer-betas.ts";
import { checkCrossValidation, checkFilter } from "./preparation-checks.ts";
import { checkClasses } from "./segmentation-checks.ts";
import { checkTargetNumbers, warnOfMasks } from "./target-normalization.ts";
import { checkClassCount, checkLabelKeys } from "./task-checks.ts";
import { checkEvaluation, checkResolution } from "./test-checks.ts";

export type EngineName = keyof typeof ENGINE_LABELS;

/**
 * Returns what an engine refuses, and warnings. BiaPy's engines train every workflow: only what BiaPy 3.7.1 refuses is reported
 * for them, not what the embedded engine lacks.
 *
 * @param folder the folder against which relative paths are resolved
 * @param network whether paths on other computers may be accessed
 */
export function checkForEngine(
  engine: EngineName,
  config: Config,
  folder: string,
  network = true,
): Problem[] {
  if (engine === "embedded") {
    const tellsModel = !takesNetwork(config) || config.sets("MODEL.ARCHITECTURE");
    return checkConfig(config, folder, network, tellsModel);
  }
  const patch = checkPatch(config);
  const loads = loadsNetwork(config);
  const ofAll = [
    ...conversionFaults(config),
    ...patch,
    ...checkClassCount(config),
    ...checkBiapyModel(config, loads),
    ...(patch.length > 0 || loads ? [] : checkBiapyDivisions(config)),
    ...checkTiles(config),
    ...checkPaths(config, folder, network),
    ...checkTargetNumbers(config),
    ...warnOfMasks(config),
    ...checkSuperResolution(config),
    ...checkBiapyWorkflow(config),
  ];
  const ofSelfSupervision =
    config.text("PROBLEM.TYPE") === "SELF_SUPERVISED"
      ? [
          ...checkTask(config, [folder, network]),
          ...checkOptimizers(config),
          ...checkSchedule(config),
          ...checkCopies(config),
          ...(pretextTask(config) === "masking" ? checkIgnoredLosses(config) : []),
        ]
      : [];
  return [...ofAll, ...ofSelfSupervision, ...checkSharedRules(config)].filter(
    ({ ofEmbeddedEngine }) => ofEmbeddedEngine !== true,
  );
}

/** Returns what BiaPy 3.7.1 refuses like the embedded engine, in the workflows that both have. */
function checkSharedRules(config: Config): Problem[] {
  const workflow = workflowOf(config);
  if (workflow === undefined) return [];
  const problems = [
    ...checkLabelKeys(config),
    ...(workflow === "segmentation" ? checkClasses(config) : []),
    ...checkNormalization(config),
    ...checkBetas(config),
    ...checkResolution(config),
    ...PHASES.flatMap((phase) => checkFilter(config, phase)),
    ...checkCrossValidation(config),
    ...(config.flag("TEST.ENABLE") ? checkEvaluation(config, ndimOf(config)) : []),
  ];
  return problems.filter(({ severity }) => severity === "error");
}

/** Checks the normalization of SUPER_RESOLUTION, in which BiaPy 3.7.1 refuses its own default. */
function checkSuperResolution(config: Config): Problem[] {
  const key = "DATA.NORMALIZATION.TYPE";
  const type = config.text(key);
  if (config.text("PROBLEM.TYPE") !== "SUPER_RESOLUTION" || type !== "zero_mean_unit_variance") return [];
  return [
    config.problem(key, `BiaPy 3.7.1 takes div or scale_range in SUPER_RESOLUTION, not ${type}.`, "div"),
  ];
}

/** Warns of SSL_SOURCE_DIR, which BiaPy 3.7.1 ignores: it writes degraded copies beside the images. */
function checkCopies(config: Config): Problem[] {
  return PHASES.flatMap((phase) => {
    const key = `DATA.${phase}.SSL_SOURCE_DIR` as const;
    if (!config.sets(key)) return [];
    const folder = copiesBeside(config.text(`DATA.${phase}.PATH`));
    if (config.text(key) === folder) return [];
    const message = `BiaPy 3.7.1 ignores this key and uses ${folder}; the embedded engine obeys it.`;
    return [config.warning(key, message, folder)];
  });
}

/** Returns the engine of a value of the setting `biapy.engine`. Defaults to the embedded one. */
export const engineNamed = (setting: string): EngineName =>
  setting === "biapy" || setting === "docker" ? setting : "embedded";
