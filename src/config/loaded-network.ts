/** Whether the network is that of the configuration, or of a checkpoint that it loads. */
import type { Config } from "./config.ts";

export const LOADED_ITEMS = "MODEL.ITEMS_TO_LOAD_FROM_CHECKPOINT";

/** Whether BiaPy builds the network that a checkpoint describes, whatever the keys of MODEL say. */
export const loadsNetwork = (config: Config): boolean =>
  config.flag("MODEL.LOAD_CHECKPOINT") && config.texts(LOADED_ITEMS).includes("model_arch");

/** Whether the embedded engine takes the network from a checkpoint: where nothing is trained. */
export const takesNetwork = (config: Config): boolean =>
  loadsNetwork(config) && !config.flag("TRAIN.ENABLE") && config.text("MODEL.SOURCE") === "biapy";
