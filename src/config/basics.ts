/** Basic properties of a configuration: workflow, network, dimensions and channels of images. */

import { ARCHITECTURES } from "../facts/architectures.ts";
import { keysOf } from "../facts/checked-lists.ts";
import { WORKFLOWS, type WorkflowFact, type WorkflowName } from "../facts/workflows.ts";
import type { Config } from "./config.ts";

/** Returns the embedded engine's workflow for a configuration; undefined for problems that only BiaPy itself handles. */
export function workflowOf(config: Config): WorkflowName | undefined {
  const problem = config.text("PROBLEM.TYPE");
  const names = keysOf(WORKFLOWS);
  return names.find((name) => {
    const fact: WorkflowFact = WORKFLOWS[name];
    return fact.problem === problem && (fact.pretextTask ?? pretextTask(config)) === pretextTask(config);
  });
}

/**
 * Returns the pretext task. If not set, it follows from the architecture: BiaPy's code defaults to crappify and its
 * documentation to masking, but MAE supports only masking, and no other architecture does.
 */
export function pretextTask(config: Config): string {
  const key = "PROBLEM.SELF_SUPERVISED.PRETEXT_TASK";
  if (config.sets(key)) return config.text(key);
  return architectureOf(config) === "mae" ? "masking" : "crappify";
}

/** Returns MODEL.ARCHITECTURE in lower case: it may be written in capitals. */
export const architectureOf = (config: Config): string => config.text("MODEL.ARCHITECTURE").toLowerCase();

/** Lists of losses or metrics, whose names may be written in any case. */
export type NamesKey = "LOSS.TYPE" | "TRAIN.METRICS" | "TEST.METRICS";

/** Returns a name as the program writes it: losses in capitals, metrics in lower case. */
export const asKnown = (key: NamesKey, name: string) =>
  key === "LOSS.TYPE" ? name.toUpperCase() : name.toLowerCase();

/** Returns the losses of a list in capitals, or its metrics in lower case. */
export const namesOf = (config: Config, key: NamesKey): string[] =>
  config.texts(key).map((name) => asKnown(key, name));

/** Returns the losses or metrics of a list that are not among the known ones, as they are written. */
export const unknownNames = (config: Config, key: NamesKey, known: readonly string[]): string[] =>
  config.texts(key).filter((name) => !known.includes(asKnown(key, name)));

/** Returns the number of spatial axes: PROBLEM.NDIM. */
export function ndimOf(config: Config): 2 | 3 {
  return config.text("PROBLEM.NDIM") === "3D" ? 3 : 2;
}

const AXES = { 2: ["y", "x"], 3: ["z", "y", "x"] } as const;

/** Returns the spatial axes, in the order of DATA.PATCH_SIZE. */
export const axesOf = (config: Config): readonly ("z" | "y" | "x")[] => AXES[ndimOf(config)];

/** The phases of a run, as keys name them. */
export const PHASES = ["TRAIN", "VAL", "TEST"] as const;
export type Phase = (typeof PHASES)[number];

/** The keys of the folders of images, one for each phase. */
export const IMAGE_PATHS = PHASES.map((phase) => `DATA.${phase}.PATH` as const);

/** Returns the phases whose own images a run reads. With DATA.TEST.USE_VAL_AS_TEST, the test takes parts of the training images. */
export function usedPhases(config: Config): Phase[] {
  const [train, test] = [config.flag("TRAIN.ENABLE"), config.flag("TEST.ENABLE")];
  const testsValidation = test && config.flag("DATA.TEST.USE_VAL_AS_TEST");
  const used: Readonly<Record<Phase, boolean>> = {
    TRAIN: train || testsValidation,
    VAL: train && !config.flag("DATA.VAL.FROM_TRAIN"),
    TEST: test && !testsValidation,
  };
  return PHASES.filter((phase) => used[phase]);
}

/** Returns the number of channels of images: the last number of DATA.PATCH_SIZE. */
export const channelsOf = (config: Config): number => config.numbers("DATA.PATCH_SIZE").at(-1) ?? 1;

/** Whether the network takes patches of one size only, because of its position embeddings. */
export const takesOneSize = (config: Config): boolean =>
  ARCHITECTURES.get(architectureOf(config))?.patch === "tokens";
