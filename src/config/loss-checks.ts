/** Whether the engine computes the losses and metrics that a configuration asks for. */
import { embeddedLosses, IMAGE_METRICS, isSpectral, LOSSES, REFUSED_METRICS } from "../facts/losses.ts";
import type { Problem } from "../facts/run-events.ts";
import { asKnown, channelsOf, namesOf, unknownNames } from "./basics.ts";
import type { Config } from "./config.ts";

/** Checks LOSS.TYPE and LOSS.WEIGHTS of a network that restores images. */
export function checkLosses(config: Config): Problem[] {
  const problems: Problem[] = [];
  const computed = embeddedLosses("crappify");
  const losses = namesOf(config, "LOSS.TYPE");
  for (const name of losses.filter((each) => !computed.includes(each))) {
    const reason = LOSSES[name]?.refused;
    problems.push(
      reason === undefined
        ? config.problem(
            "LOSS.TYPE",
            `restoring images has the losses ${computed.join(", ")}; ${name} is not among them.`,
          )
        : config.needsBiapy(
            "LOSS.TYPE",
            `the loss ${name} ${reason}; the embedded engine has ${computed.join(", ")}.`,
          ),
    );
  }
  const spectral = losses.length > 0 && losses.every(isSpectral);
  if (spectral && channelsOf(config) > 1) {
    const message = `${losses.join(" and ")} look at the first channel only, so that nothing would train the others. Add another loss, such as MSE.`;
    problems.push(config.needsBiapy("LOSS.TYPE", message));
  }
  const weights = config.numbers("LOSS.WEIGHTS");
  // Without LOSS.TYPE there is one: the absolute error.
  const count = Math.max(losses.length, 1);
  if (weights.length > 0 && weights.length !== count) {
    const message = `${count} ${count === 1 ? "loss (LOSS.TYPE) has one weight" : `losses (LOSS.TYPE) have ${count} weights`}, not ${weights.length}.`;
    problems.push(config.problem("LOSS.WEIGHTS", message));
  }
  return problems;
}

/** Checks LOSS.TYPE of a masked autoencoder, which ignores it: BiaPy 3.7.1 takes only names of losses that restore images. */
export function checkIgnoredLosses(config: Config): Problem[] {
  const known = Object.keys(LOSSES).filter((name) => LOSSES[name]?.workflows.includes("crappify"));
  const wrong = unknownNames(config, "LOSS.TYPE", known);
  if (wrong.length === 0) return [];
  const message = `self-supervision has the losses ${known.join(", ")}; ${wrong.join(", ")} is not among them. Masking ignores this key: remove it.`;
  return [config.problem("LOSS.TYPE", message)];
}

/** Checks TRAIN.METRICS and TEST.METRICS: unsupported metrics are reported, never silently skipped. */
export function checkMetrics(config: Config): Problem[] {
  const known = IMAGE_METRICS.join(", ");
  return (["TRAIN.METRICS", "TEST.METRICS"] as const).flatMap((key) =>
    unknownNames(config, key, IMAGE_METRICS).map((name) => {
      const refused = REFUSED_METRICS[asKnown(key, name)];
      return refused === undefined
        ? config.problem(key, `the metrics of these images are ${known}; ${name} is not among them.`)
        : config.needsBiapy(key, `the metric "${name}" ${refused}; the embedded engine has ${known}.`);
    }),
  );
}
