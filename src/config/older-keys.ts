/** Reads keys of earlier versions of BiaPy under their current names: public templates still use them. */
import type { Problem } from "../facts/run-events.ts";
import type { ConfigDocument, ConfigEntry } from "./document.ts";
import { keyFacts, keyGroups } from "./keys.ts";
import { written as inFile, type PythonValue } from "./python-value.ts";

/** The current meaning of an older key: keys and their values; none if it has no meaning any more. */
type Successor = (value: PythonValue) => Successors;
type Successors = Readonly<Record<string, PythonValue>>;

const renamed =
  (...keys: string[]): Successor =>
  (value) =>
    Object.fromEntries(keys.map((key) => [key, value]));
/** For keys that are no longer configurable. */
const GONE: Successor = () => ({});

const POST_PROCESSING = "TEST.POST_PROCESSING";
const REMOVAL = `${POST_PROCESSING}.MEASURE_PROPERTIES.REMOVE_BY_PROPERTIES`;
const medianFilter =
  (axis: string): Successor =>
  (value): Successors =>
    value === true
      ? { [`${POST_PROCESSING}.MEDIAN_FILTER`]: true, [`${POST_PROCESSING}.MEDIAN_FILTER_AXIS`]: [axis] }
      : {};
const refinement =
  (operation: string): Successor =>
  () => ({
    [`${POST_PROCESSING}.INSTANCE_REFINEMENT.ENABLE`]: true,
    [`${POST_PROCESSING}.INSTANCE_REFINEMENT.OPERATIONS`]: [operation],
    [`${POST_PROCESSING}.INSTANCE_REFINEMENT.VALUES`]: ["none"],
  });
const byChunks = (name: string): [string, Successor] => [
  `TEST.BY_CHUNKS.${name}`,
  renamed(`DATA.TEST.${name}`),
];

const NORMALIZATION = "DATA.NORMALIZATION";
const AFFINE_MODES: readonly string[] = ["constant", "reflect", "wrap", "symmetric"];
const probabilities = [...keyFacts.keys()].filter((key) => /^AUGMENTOR\..*_PROB$/.test(key));

const SUCCESSORS: Readonly<Partial<Record<string, Successor>>> = {
  "AUGMENTOR.DA_PROB": renamed(...probabilities),
  "AUGMENTOR.BRIGHTNESS_EM": GONE,
  "AUGMENTOR.BRIGHTNESS_EM_FACTOR": GONE,
  "AUGMENTOR.BRIGHTNESS_EM_MODE": GONE,
  "AUGMENTOR.CONTRAST_EM": GONE,
  "AUGMENTOR.CONTRAST_EM_FACTOR": GONE,
  "AUGMENTOR.CONTRAST_EM_MODE": GONE,
  "AUGMENTOR.BRIGHTNESS_MODE": GONE,
  "AUGMENTOR.CONTRAST_MODE": GONE,
  "DATA.EXTRACT_RANDOM_PATCH": renamed("DATA.TRAIN.EXTRACT_RANDOM_PATCH"),
  "DATA.PROBABILITY_MAP": renamed("DATA.TRAIN.PROBABILITY_MAP"),
  "DATA.W_FOREGROUND": renamed("DATA.TRAIN.W_FOREGROUND"),
  "DATA.W_BACKGROUND": renamed("DATA.TRAIN.W_BACKGROUND"),
  "DATA.VAL.BINARY_MASKS": GONE,
  "DATA.TEST.BINARY_MASKS": GONE,
  "DATA.TEST.ARGMAX_TO_OUTPUT": GONE,
  // The documentation's spelling.
  "DATA.SELF_SUPERVISED.PRETEXT_TASK": renamed("PROBLEM.SELF_SUPERVISED.PRETEXT_TASK"),
  [`${NORMALIZATION}.PERC_CLIP`]: renamed(`${NORMALIZATION}.PERC_CLIP.ENABLE`),
  [`${NORMALIZATION}.PERC_LOWER`]: renamed(`${NORMALIZATION}.PERC_CLIP.LOWER_PERC`),
  [`${NORMALIZATION}.PERC_UPPER`]: renamed(`${NORMALIZATION}.PERC_CLIP.UPPER_PERC`),
  [`${NORMALIZATION}.CUSTOM_MEAN`]: renamed(`${NORMALIZATION}.ZERO_MEAN_UNIT_VAR.MEAN_VAL`),
  [`${NORMALIZATION}.CUSTOM_STD`]: renamed(`${NORMALIZATION}.ZERO_MEAN_UNIT_VAR.STD_VAL`),
  [`${NORMALIZATION}.CUSTOM_MODE`]: GONE,
  [`${NORMALIZATION}.APPLICATION_MODE`]: GONE,
  [`${NORMALIZATION}.MEASURE_BY`]: GONE,
  "MODEL.BATCH_NORMALIZATION": (value): Successors => (value === true ? { "MODEL.NORMALIZATION": "bn" } : {}),
  "MODEL.LOAD_CHECKPOINT_ONLY_WEIGHTS": (value): Successors =>
    value === true ? { "MODEL.ITEMS_TO_LOAD_FROM_CHECKPOINT": ["weights"] } : {},
  "MODEL.BMZ.SOURCE_MODEL_DOI": renamed("MODEL.BMZ.SOURCE_MODEL_ID"),
  "DATA.TRAIN.MINIMUM_FOREGROUND_PER": (value): Successors =>
    value === -1
      ? {}
      : {
          "DATA.TRAIN.FILTER_SAMPLES.PROPS": [["foreground"]],
          "DATA.TRAIN.FILTER_SAMPLES.VALUES": [[value]],
          "DATA.TRAIN.FILTER_SAMPLES.SIGNS": [["lt"]],
        },
  "TEST.DET_IGNORE_POINTS_OUTSIDE_BOX": renamed("TEST.EVAL_BORDER_CROP"),
  "TEST.BY_CHUNKS.FORMAT": GONE,
  "TEST.BY_CHUNKS.WORKFLOW_PROCESS.INSTANCE_SEG_HALO": GONE,
  ...Object.fromEntries(
    [
      ...["INPUT_IMG_AXES_ORDER", "INPUT_MASK_AXES_ORDER", "INPUT_ZARR_MULTIPLE_DATA"],
      ...["RAW", "GT", "ID", "PARTNERS", "LOCATIONS", "RESOLUTION"].map(
        (name) => `INPUT_ZARR_MULTIPLE_DATA_${name}_PATH`,
      ),
    ].map(byChunks),
  ),
  [`${POST_PROCESSING}.YZ_FILTERING`]: medianFilter("yz"),
  [`${POST_PROCESSING}.YZ_FILTERING_SIZE`]: (size) => ({ [`${POST_PROCESSING}.MEDIAN_FILTER_SIZE`]: [size] }),
  [`${POST_PROCESSING}.Z_FILTERING`]: medianFilter("z"),
  [`${POST_PROCESSING}.Z_FILTERING_SIZE`]: (size) => ({ [`${POST_PROCESSING}.MEDIAN_FILTER_SIZE`]: [size] }),
  [`${POST_PROCESSING}.CLEAR_BORDER`]: refinement("clear_border"),
  [`${POST_PROCESSING}.FILL_HOLES`]: refinement("fill_holes"),
  [`${POST_PROCESSING}.APPLY_MASK`]: (value): Successors =>
    value === true ? { "DATA.TEST.ROI_MASK.ENABLE": true } : {},
  ...Object.fromEntries(
    ["TYPE", "BINARY_MASK", "CONTOUR", "DISTANCE", "POINTS", "FOREGROUND"].map((name) => [
      `PROBLEM.INSTANCE_SEG.DATA_MW_TH_${name}`,
      GONE,
    ]),
  ),
  "PROBLEM.INSTANCE_SEG.DISTANCE_CHANNEL_MASK": GONE,
  [`${POST_PROCESSING}.REMOVE_BY_PROPERTIES`]: renamed(`${REMOVAL}.PROPS`),
  [`${POST_PROCESSING}.REMOVE_BY_PROPERTIES_VALUES`]: renamed(`${REMOVAL}.VALUES`),
  [`${POST_PROCESSING}.REMOVE_BY_PROPERTIES_SIGN`]: renamed(`${REMOVAL}.SIGNS`),
  [`${REMOVAL}.SIGN`]: renamed(`${REMOVAL}.SIGNS`),
  "PROBLEM.INSTANCE_SEG.SYNAPSES.NORMALIZE_DISTANCES": GONE,
  "PROBLEM.INSTANCE_SEG.SYNAPSES.POSTSITE_DILATION": GONE,
  "PROBLEM.INSTANCE_SEG.SYNAPSES.POSTSITE_DILATION_DISTANCE_CHANNELS": GONE,
  ...Object.fromEntries(
    [
      ...["SEED_MORPH_SEQUENCE", "SEED_MORPH_RADIUS", "ERODE_AND_DILATE_GROWTH_MASK", "FORE_EROSION_RADIUS"],
      ...["FORE_DILATION_RADIUS", "DATA_CHECK_MW", "DATA_REMOVE_BEFORE_MW", "DATA_REMOVE_SMALL_OBJ_BEFORE"],
    ].map((name) => [`PROBLEM.INSTANCE_SEG.${name}`, renamed(`PROBLEM.INSTANCE_SEG.WATERSHED.${name}`)]),
  ),
  "PROBLEM.INSTANCE_SEG.WATERSHED_BY_2D_SLICES": renamed("PROBLEM.INSTANCE_SEG.WATERSHED.BY_2D_SLICES"),
  "MODEL.LOAD_MODEL_FROM_CHECKPOINT": GONE,
  "MODEL.CONVNEXT_LAYERS": renamed("MODEL.CONV_LAYERS"),
  "MODEL.UNETR_DEC_ACTIVATION": renamed("MODEL.ACTIVATION"),
  "MODEL.UNETR_DEC_KERNEL_SIZE": renamed("MODEL.KERNEL_SIZE"),
  "MODEL.N_CLASSES": renamed("DATA.N_CLASSES"),
  "MODEL.LAST_ACTIVATION": GONE,
  "PATHS.MEAN_INFO_FILE": GONE,
  "PATHS.STD_INFO_FILE": GONE,
  "TEST.EVALUATE": GONE,
  "TEST.STATS.FULL_IMG": renamed("TEST.FULL_IMG"),
  "TEST.STATS.PER_PATCH": GONE,
  "TEST.STATS.MERGE_PATCHES": GONE,
  "TRAIN.ACCUM_ITER": GONE,
};

/** What else the file says. */
interface Surroundings {
  readonly ndim: 2 | 3;
  /** The value that the file gives to a key. */
  value(key: string): PythonValue | undefined;
}

/** Converts older values of current keys; undefined for current values. */
const OLDER_VALUES: Readonly<
  Partial<Record<string, (value: PythonValue, around: Surroundings) => PythonValue | undefined>>
> = {
  [`${NORMALIZATION}.TYPE`]: (value) => (value === "custom" ? "zero_mean_unit_variance" : undefined),
  "AUGMENTOR.AFFINE_MODE": (value) =>
    typeof value === "string" && !AFFINE_MODES.includes(value) ? "reflect" : undefined,
  "LOSS.CLASS_REBALANCE": (value, around) => {
    if (typeof value !== "boolean") return undefined;
    const weights = around.value("LOSS.CLASS_WEIGHTS") ?? [];
    const weighted = !Array.isArray(weights) || weights.length > 0;
    const labels = (around.value("PROBLEM.TYPE") ?? "SEMANTIC_SEG") === "SEMANTIC_SEG";
    return weighted && labels ? "manual" : "none";
  },
  "LOSS.TYPE": (value) => (typeof value === "string" ? own(OLDER_LOSSES, value) : undefined),
  "MODEL.ARCHITECTURE": (value) => (variantOfOlderHrNet(value) === undefined ? undefined : "hrnet"),
  "TEST.DET_MIN_TH_TO_BE_PEAK": firstOfList,
  "TEST.DET_TOLERANCE": firstOfList,
  [`${POST_PROCESSING}.REMOVE_CLOSE_POINTS_RADIUS`]: firstOfList,
  [`${POST_PROCESSING}.DET_WATERSHED_FIRST_DILATION`]: (value) =>
    Array.isArray(value) && Array.isArray(value[0]) ? value[0] : undefined,
  // One letter a channel.
  "PROBLEM.INSTANCE_SEG.DATA_CHANNELS": (value) =>
    typeof value === "string"
      ? [...value].flatMap((letter) => own(OLDER_CHANNELS, letter) ?? [letter])
      : undefined,
  "PROBLEM.SUPER_RESOLUTION.UPSCALING": (value, { ndim }) =>
    typeof value === "number" ? Array.from({ length: ndim }, () => value) : undefined,
  "PROBLEM.DETECTION.CENTRAL_POINT_DILATION": (value) => (typeof value === "number" ? [value] : undefined),
};

/** Older keys that BiaPy converts only together with others: changing one of them would leave the others without meaning. */
const CONVERTED_TOGETHER: Readonly<Partial<Record<string, readonly string[]>>> = {
  [`${NORMALIZATION}.TYPE`]: ["CUSTOM_MEAN", "CUSTOM_STD", "CUSTOM_MODE", "APPLICATION_MODE"].map(
    (name) => `${NORMALIZATION}.${name}`,
  ),
  // BiaPy converts the mean by a new section.
  [`${NORMALIZATION}.CUSTOM_STD`]: [`${NORMALIZATION}.CUSTOM_MEAN`],
  [`${NORMALIZATION}.PERC_CLIP`]: [`${NORMALIZATION}.PERC_LOWER`, `${NORMALIZATION}.PERC_UPPER`],
};

/** Whether a key of earlier versions has no meaning any more. */
export const isGone = (key: string): boolean => own(SUCCESSORS, key) === GONE;

/** Further keys that an older value sets: today it takes several keys to say the same. */
const ADDED_KEYS: Readonly<
  Partial<Record<string, (value: PythonValue, around: Surroundings) => Successors>>
> = {
  "LOSS.CLASS_REBALANCE": (value, around): Successors => {
    const problem = String(around.value("PROBLEM.TYPE"));
    // True is the default.
    return value === false && ["INSTANCE_SEG", "DETECTION"].includes(problem)
      ? { [`PROBLEM.${problem}.CLASS_REBALANCE_WITHIN_CHANNELS`]: false }
      : {};
  },
  "MODEL.ARCHITECTURE": (value) => ({ "MODEL.HRNET.VARIANT": variantOfOlderHrNet(value) ?? "W18" }),
};

/** Weighted sums of two losses, which are lists today. */
const OLDER_LOSSES: Readonly<Partial<Record<string, readonly string[]>>> = {
  W_CE_DICE: ["DICE", "CE"],
  W_MAE_SSIM: ["MAE", "SSIM"],
  W_MSE_SSIM: ["MSE", "SSIM"],
};

/** Returns today's variant of an older name of HRNet: `W48` for `hrnet48`. */
function variantOfOlderHrNet(value: PythonValue): string | undefined {
  const width = typeof value === "string" ? /^hrnet(\d+)$/i.exec(value)?.[1] : undefined;
  return width === undefined ? undefined : `W${width}`;
}

const OLDER_CHANNELS: Readonly<Partial<Record<string, readonly string[]>>> = {
  B: ["F"],
  D: ["Db"],
  F: ["V", "H"],
};

function firstOfList(value: PythonValue): PythonValue | undefined {
  return Array.isArray(value) && value.length > 0 ? value[0] : undefined;
}

/** Returns a property that the table itself has: `constructor` is a key that a file may hold. */
function own<T>(table: Readonly<Partial<Record<string, T>>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** The entries that replace one of an earlier version, and a warning for it. */
interface Conversion {
  readonly entries: readonly ConfigEntry[];
  readonly warning: Problem;
}

/** Converts a document to current keys, with a warning for each older key. Values under current keys take precedence. */
export function modernized(document: ConfigDocument): { document: ConfigDocument; problems: Problem[] } {
  const problems: Problem[] = [];
  const written = new Map(document.entries.map(({ key, value }) => [key, value]));
  const ndim = written.get("PROBLEM.NDIM") === "3D" ? 3 : 2;
  const around: Surroundings = { ndim, value: (key) => written.get(key) };
  const older: ConfigEntry[] = [];
  const entries = document.entries.flatMap((entry): readonly ConfigEntry[] => {
    const conversion = withCurrentValue(entry, around) ?? withCurrentKeys(entry, around);
    if (conversion === undefined) return [entry];
    older.push(entry);
    problems.push(conversion.warning);
    return conversion.entries;
  });
  const olderGroups = new Set(Object.keys(SUCCESSORS).map((key) => key.slice(0, key.lastIndexOf("."))));
  const groups = new Map(
    [...document.groups].filter(([group]) => !olderGroups.has(group) || keyGroups.has(group)),
  );
  return { document: { ...document, entries, groups, older }, problems };
}

/** Converts an older value of a current key. */
function withCurrentValue(entry: ConfigEntry, around: Surroundings): Conversion | undefined {
  const now = own(OLDER_VALUES, entry.key)?.(entry.value, around);
  if (now === undefined) return undefined;
  const added = Object.entries(own(ADDED_KEYS, entry.key)?.(entry.value, around) ?? {})
    .filter(([key]) => around.value(key) === undefined)
    .map(([key, value]) => ({ ...entry, key, value, text: undefined }));
  // Python reads no names in brackets.
  const hasNames = Array.isArray(now) && now.some((each) => typeof each === "string");
  const suggestion = isAlone(entry, around) && added.length === 0 && !hasNames ? inFile(now) : undefined;
  return {
    entries: [{ ...entry, value: now, text: textOf(entry, now) }, ...added],
    warning: warning(
      entry,
      `${inFile(entry.value)} comes from an earlier BiaPy; it is read as ${inFile(now)}.`,
      suggestion,
    ),
  };
}

/** Returns how a converted value is written. Of `[4.0]`, the text of the first item says whether it is a whole number. */
function textOf({ value, text, firstText }: ConfigEntry, now: PythonValue): string | undefined {
  if (now === value) return text;
  return Array.isArray(value) ? firstText : undefined;
}

/** Converts an older key to the current ones that replace it. */
function withCurrentKeys(entry: ConfigEntry, around: Surroundings): Conversion | undefined {
  const successor = own(SUCCESSORS, entry.key);
  if (successor === undefined) return undefined;
  const today = Object.entries(successor(entry.value));
  const [first] = today;
  // A quick fix can rename the key only if its value stays.
  const renames = isAlone(entry, around) && today.length === 1 && first?.[1] === entry.value;
  return {
    entries: today
      .filter(([key]) => around.value(key) === undefined)
      .map(([key, value]) => ({
        ...entry,
        key,
        value,
        text: value === entry.value ? entry.text : undefined,
      })),
    warning: warning(
      entry,
      `comes from an earlier BiaPy; it ${meaningOf(today.map(([key]) => key))}`,
      renames ? first?.[0] : undefined,
    ),
  };
}

function meaningOf(keys: readonly string[]): string {
  const [first] = keys;
  if (first === undefined) return "has no meaning any more and is left out.";
  return `is read as ${keys.length > 3 ? `${first} and ${keys.length - 1} others like it` : keys.join(", ")}.`;
}

/** Whether BiaPy converts an entry independently of others: a quick fix changes one entry only. */
const isAlone = ({ key }: ConfigEntry, around: Surroundings): boolean =>
  (own(CONVERTED_TOGETHER, key) ?? []).every((other) => around.value(other) === undefined);

function warning({ key, place }: ConfigEntry, what: string, suggestion: string | undefined): Problem {
  return { severity: "warning", key, ...place, message: `${key} ${what}`, suggestion };
}
