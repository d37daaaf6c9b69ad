/** TRAIN.OPT_BETAS: a list with a pair per network in BiaPy. The embedded engine trains one network. */
import type { Problem } from "../facts/run-events.ts";
import type { Config } from "./config.ts";
import { type PythonValue, written } from "./python-value.ts";

/** Checks TRAIN.OPT_BETAS. */
export function checkBetas(config: Config): Problem[] {
  const key = "TRAIN.OPT_BETAS";
  const value = config.value(key);
  const betas = optimizerBetas(config);
  // Other values are reported as type errors.
  if (!Array.isArray(value) || /"|null/.test(JSON.stringify(value))) return [];
  const isPair = [value, config.first(key)].some((each) => Array.isArray(each) && each.length === 2);
  if (!isPair || !betas.every((beta) => beta >= 0 && beta < 1)) {
    const message = `is a pair of numbers from 0 to below 1, such as [[0.9, 0.999]], not ${written(value)}.`;
    return [config.problem(key, message, "[[0.9, 0.999]]")];
  }
  if (!config.sets(key) || Array.isArray(config.first(key))) return [];
  const suggestion = `[[${betas.join(", ")}]]`;
  const message = `BiaPy itself refuses a pair that is not in a list of its own; ${suggestion} works everywhere.`;
  return [config.warning(key, message, suggestion)];
}

/** Returns the betas of Adam: `[[0.9, 0.999]]`, `[0.9, 0.999]` and `(0.9, 0.999)` say the same. */
export function optimizerBetas(config: Config): readonly [number, number] {
  const first: PythonValue = config.first("TRAIN.OPT_BETAS");
  const [one, two] = Array.isArray(first) ? first : [config.value("TRAIN.OPT_BETAS")].flat();
  return [Number(one), Number(two)];
}
