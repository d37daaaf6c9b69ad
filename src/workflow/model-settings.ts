import type { Config } from "../config/config.ts";
import type { ImageModelSettings } from "../models/architectures.ts";

/** What a configuration says of a network that restores images. */
export function imageModelSettings(config: Config): ImageModelSettings {
  return { architecture: config.text("MODEL.ARCHITECTURE").toLowerCase() };
}
