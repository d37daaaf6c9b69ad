/** Keys of earlier versions of BiaPy, read as what they are called now: public templates still have them. */
import type { Problem } from "../facts/run-events.ts";
import type { ConfigDocument, ConfigEntry } from "./document.ts";
import { keyFacts } from "./keys.ts";
import type { PythonValue } from "./python-value.ts";

interface Successor {
  /** What the key is called now; several when its value goes to each. */
  readonly keys: readonly string[];
  readonly convert?: (value: PythonValue) => PythonValue;
}

const renamed = (...keys: string[]): Successor => ({ keys });
/** What it said is no longer a matter of configuration. */
const GONE: Successor = { keys: [] };

const NORMALISATION = "DATA.NORMALIZATION";
const probabilities = [...keyFacts.keys()].filter((key) => /^AUGMENTOR\..*_PROB$/.test(key));

const SUCCESSORS: Readonly<Record<string, Successor>> = {
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
  [`${NORMALISATION}.PERC_CLIP`]: renamed(`${NORMALISATION}.PERC_CLIP.ENABLE`),
  [`${NORMALISATION}.PERC_LOWER`]: renamed(`${NORMALISATION}.PERC_CLIP.LOWER_PERC`),
  [`${NORMALISATION}.PERC_UPPER`]: renamed(`${NORMALISATION}.PERC_CLIP.UPPER_PERC`),
  [`${NORMALISATION}.CUSTOM_MEAN`]: renamed(`${NORMALISATION}.ZERO_MEAN_UNIT_VAR.MEAN_VAL`),
  [`${NORMALISATION}.CUSTOM_STD`]: renamed(`${NORMALISATION}.ZERO_MEAN_UNIT_VAR.STD_VAL`),
  [`${NORMALISATION}.CUSTOM_MODE`]: GONE,
  [`${NORMALISATION}.APPLICATION_MODE`]: GONE,
  [`${NORMALISATION}.MEASURE_BY`]: GONE,
  "MODEL.BATCH_NORMALIZATION": {
    keys: ["MODEL.NORMALIZATION"],
    convert: (value) => (value === true ? "bn" : "none"),
  },
  "MODEL.LOAD_CHECKPOINT_ONLY_WEIGHTS": GONE,
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

/** The document in today's keys, with a warning for each one that is not; what the file says in today's keys goes first. */
export function modernised(document: ConfigDocument): { document: ConfigDocument; problems: Problem[] } {
  const problems: Problem[] = [];
  const written = new Set(document.entries.map(({ key }) => key));
  const entries = document.entries.flatMap((entry): ConfigEntry[] => {
    if (entry.key === `${NORMALISATION}.TYPE` && entry.value === "custom") {
      problems.push(warning(entry, "custom is called zero_mean_unit_variance now.", undefined));
      return [{ ...entry, value: "zero_mean_unit_variance" }];
    }
    if (!Object.hasOwn(SUCCESSORS, entry.key)) return [entry];
    const successor = SUCCESSORS[entry.key];
    const { keys, convert = (value) => value } = successor;
    const now =
      keys.length === 0
        ? "has no meaning any more and is left out."
        : `is read as ${keys.length > 3 ? `${keys[0]} and ${keys.length - 1} others like it` : keys.join(", ")}.`;
    problems.push(
      warning(entry, `comes from an earlier BiaPy; it ${now}`, keys.length === 1 ? keys[0] : undefined),
    );
    return keys
      .filter((key) => !written.has(key))
      .map((key) => ({ ...entry, key, value: convert(entry.value) }));
  });
  const olderGroups = new Set(Object.keys(SUCCESSORS).map((key) => key.slice(0, key.lastIndexOf("."))));
  const groups = new Map(
    [...document.groups].filter(
      ([group]) => !olderGroups.has(group) || [...keyFacts.keys()].some((key) => key.startsWith(`${group}.`)),
    ),
  );
  return { document: { ...document, entries, groups }, problems };
}

function warning({ key, place }: ConfigEntry, what: string, suggestion: string | undefined): Problem {
  return { severity: "warning", key, ...place, message: `${key} ${what}`, suggestion };
}
