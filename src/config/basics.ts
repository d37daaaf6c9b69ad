/** Basic properties of a configuration: workflow, network, dimensions and channels of images. */

import { ARCHITECTURES } from "../facts/architectures.ts";
import { keysOf } from "../facts/checked-lists.ts";
import { WORKFLOWS, type WorkflowFact, type WorkflowName } from "../facts/workflows.ts";
import type { Config } from "./config.ts";

/** The embedded engine's workflow for a configuration; undefined for problems that only BiaPy itself handles. */
export function workflowOf(config: Config): WorkflowName | undefined {
  const problem = config.text("PROBLEM.TYPE");
  const names = keysOf(WORKFLOWS);
  return names.find((name) => {
    const fact: WorkflowFact = WORKFLOWS[name];
    return fact.problem === problem && (fact.pretextTask ?? pretextTask(config)) === pretextTask(config);
  });
}

/**
 * The pretext task. If not set, it follows from the architecture: BiaPy's code defaults to crappify and its
 * documentation to masking, but MAE supports only masking, and no other architecture does.
 */
export function pretextTask(config: Config): string {
  const key = "PROBLEM.SELF_SUPERVISED.PRETEXT_TASK";
  if (config.sets(key)) return config.text(key);
  return architectureOf(config) === "mae" ? "masking" : "crappify";
}

/** MODEL.ARCHITECTURE, which may be written in capitals. */
export const architectureOf = (config: Config): string => config.text("MODEL.ARCHITECTURE").toLowerCase();

export function ndimOf(config: Config): 2 | 3 {
  return config.text("PROBLEM.NDIM") === "3D" ? 3 : 2;
}

/** The channels of images: the last number of DATA.PATCH_SIZE. */
export const channelsOf = (config: Config): number => config.numbers("DATA.PATCH_SIZE").at(-1) ?? 1;

/** Whether the network takes patches of one size only, because of its position embeddings. */
export const takesOneSize = (config: Config): boolean =>
  ARCHITECTURES.get(architectureOf(config))?.patch === "tokens";
