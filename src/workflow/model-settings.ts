import type { Config } from "../config/config.ts";
import type { BuildArguments } from "../models/architectures.ts";

/** The arguments that BiaPy builds a configuration's network by. */
export function buildArguments(config: Config): BuildArguments {
  throw new Error(`${config.text("MODEL.ARCHITECTURE")} cannot be built from a configuration yet`);
}
