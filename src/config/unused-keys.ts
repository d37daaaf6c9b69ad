/** Keys that the configured task does not use, whose values BiaPy does not check then either. */
import { ARCHITECTURES, isEmbedded } from "../facts/architectures.ts";
import type { FlagKey, TextKey } from "./key-names.ts";

/** The values of a configuration. */
interface Values {
  text(key: TextKey): string;
  flag(key: FlagKey): boolean;
}

/** Settings of networks that BiaPy checks only for those that have them. */
const OF_NETWORKS =
  /^MODEL\.(VIT_TOKEN_SIZE|VIT_EMBED_DIM|VIT_NUM_LAYERS|VIT_NUM_HEADS|MAE_\w+|ACTIVATION|KERNEL_SIZE|HRNET|STUNET|NAFNET)(\.|$)/;
/** Augmentations by the first letters of their settings. */
const OF_AUGMENTATION: readonly (readonly [settings: RegExp, flag: FlagKey])[] = [
  [/^(\w+_PROB$|AUG_NUM_SAMPLES$)/, "AUGMENTOR.ENABLE"],
  [/^ZOOM_RANGE$/, "AUGMENTOR.ZOOM"],
  [/^RANDOM_ROT_RANGE$/, "AUGMENTOR.RANDOM_ROT"],
  [/^SHEAR_RANGE$/, "AUGMENTOR.SHEAR"],
  [/^SHIFT_RANGE$/, "AUGMENTOR.SHIFT"],
  [/^E_/, "AUGMENTOR.ELASTIC"],
  [/^G_/, "AUGMENTOR.G_BLUR"],
  [/^MB_/, "AUGMENTOR.MEDIAN_BLUR"],
  [/^MOTB_/, "AUGMENTOR.MOTION_BLUR"],
  [/^GC_/, "AUGMENTOR.GAMMA_CONTRAST"],
  [/^BRIGHTNESS_/, "AUGMENTOR.BRIGHTNESS"],
  [/^CONTRAST_/, "AUGMENTOR.CONTRAST"],
  [/^DROP_/, "AUGMENTOR.DROPOUT"],
  [/^COUT_/, "AUGMENTOR.CUTOUT"],
  [/^CBLUR_/, "AUGMENTOR.CUTBLUR"],
  [/^CMIX_/, "AUGMENTOR.CUTMIX"],
  [/^CNOISE_/, "AUGMENTOR.CUTNOISE"],
  [/^MISSP_/, "AUGMENTOR.MISSING_SECTIONS"],
  [/^GRID_/, "AUGMENTOR.GRIDMASK"],
];
const OF_WORKFLOW = /^PROBLEM\.(INSTANCE_SEG|IMAGE_TO_IMAGE)\./;

/** Whether a key has no effect in this configuration. */
export function isUnused(config: Values, key: string): boolean {
  const problem = config.text("PROBLEM.TYPE");
  if (key.startsWith("AUGMENTOR.")) {
    const [, flag] =
      OF_AUGMENTATION.find(([settings]) => settings.test(key.slice("AUGMENTOR.".length))) ?? [];
    return flag !== undefined && !(config.flag("AUGMENTOR.ENABLE") && config.flag(flag));
  }
  if (key === "MODEL.UNET_SR_UPSAMPLE_POSITION") return problem !== "SUPER_RESOLUTION";
  if (/^TEST\.BY_CHUNKS\./.test(key)) return !config.flag("TEST.BY_CHUNKS.ENABLE");
  if (/^TEST\.DET_/.test(key)) return problem !== "DETECTION";
  const [, workflow] = OF_WORKFLOW.exec(key) ?? [];
  if (workflow !== undefined) return workflow !== problem;
  const architecture = config.text("MODEL.ARCHITECTURE").toLowerCase();
  // Degraded images are the pretext task of all networks but mae.
  if (/^PROBLEM\.SELF_SUPERVISED\.(RESIZING_FACTOR|NOISE)$/.test(key))
    return problem !== "SELF_SUPERVISED" || architecture === "mae";
  const [, setting] = OF_NETWORKS.exec(key) ?? [];
  if (setting === undefined || !isEmbedded(architecture)) return false;
  if (setting.startsWith("MAE_")) return architecture !== "mae";
  return ARCHITECTURES.get(architecture)?.settings.includes(setting) === false;
}
