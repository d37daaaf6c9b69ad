/** Freezes weights in training (MODEL.FREEZE_LAYERS_MATCHING). */

import type { Config } from "../config/config.ts";
import { frozenPatterns, layerPattern } from "../config/frozen-layers.ts";
import { firstOf } from "../facts/format.ts";
import type { ReportEvent } from "../facts/run-events.ts";
import type { WeightSpec } from "../runtime/scope.ts";
import { InputError } from "./input-error.ts";

const KEY = "MODEL.FREEZE_LAYERS_MATCHING";
const MOST_LISTED = 5;

/**
 * Returns the weights of a model; those whose names match a pattern become states, which the optimizer does not update. Running
 * statistics still change, as in BiaPy. Reports their number. Throws {@link InputError} if nothing is left to train.
 */
export function withFrozenWeights(
  config: Config,
  specs: readonly WeightSpec[],
  report: ReportEvent,
): readonly WeightSpec[] {
  const patterns = frozenPatterns(config).flatMap((pattern) => layerPattern(pattern) ?? []);
  if (patterns.length === 0) return specs;
  const parameters = specs.filter(({ role }) => role === "parameter").map(({ name }) => name);
  const frozen = new Set(parameters.filter((name) => patterns.some((pattern) => pattern.test(name))));
  if (frozen.size === parameters.length)
    throw new InputError([config.problem(KEY, "it matches every weight, so that nothing is left to train.")]);
  const message =
    frozen.size === 0
      ? `${KEY} matches no weight of this network: all ${parameters.length} tensors train.`
      : `${frozen.size} tensors stay as they are (${KEY}): ${firstOf([...frozen], MOST_LISTED)}. ${parameters.length - frozen.size} train.`;
  report({ event: "log", level: frozen.size === 0 ? "warning" : "info", message });
  return specs.map((spec) => (frozen.has(spec.name) ? { ...spec, role: "state" } : spec));
}
