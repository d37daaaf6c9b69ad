/** The images of a run, opened, checked and cut into patches before anything trains. */
import { channelsOf, ndimOf } from "../config/basics.ts";
import type { Config } from "../config/config.ts";
import { ImageSet, type ImageSetSettings } from "../data/image-set.ts";
import type { NormalisationSettings } from "../data/normalisation.ts";
import { type ImagePairs, inspectImages, PatchSet } from "../data/patches.ts";
import { bytes } from "../facts/format.ts";
import type { Problem } from "../facts/run-events.ts";
import { listImages } from "../images/files.ts";
import { ImageError, type ImageInfo, storedBytes } from "../images/image.ts";
import type { ReportEvent } from "../results/reporters.ts";
import { augmentationSteps } from "./augmentation-settings.ts";
import { InputError } from "./input-error.ts";
import { normalisationSettings, openOptions, type Phase, patchBox, tilingSettings } from "./settings.ts";
import type { PhaseSources, Task } from "./tasks/task.ts";

export interface RunImages {
  readonly training?: PatchSet;
  readonly validation?: PatchSet;
  readonly test?: ImagePairs;
  close(): Promise<void>;
}

/** Opens and checks all images of a run. Throws {@link InputError} with every fault of any of them. */
export async function prepareImages(
  config: Config,
  task: Pick<Task, "sources">,
  report: ReportEvent,
): Promise<RunImages> {
  const sources = await findSources(task, await inspectFolders(config, report), report);
  const fits = memoryBudget(report);
  const sets: ImageSet[] = [];
  const pairs = (phase: Phase): ImagePairs | undefined => {
    const found = sources[phase];
    if (found === undefined) return undefined;
    const set = (of: readonly ImageInfo[], how: Partial<ImageSetSettings> = {}) => {
      const inMemory = config.flag(`DATA.${phase}.IN_MEMORY`) && fits(phase, of);
      const made = new ImageSet(of, {
        normalisation: normalisationSettings(config),
        inMemory,
        completedTo: patchBox(config),
        ...how,
      });
      sets.push(made);
      return made;
    };
    const images = set(found.images);
    if (found.targets === undefined) return { images };
    const { infos, values } = found.targets;
    const targets = set(infos, values === "like images" ? { like: images } : { normalisation: AS_STORED });
    return { images, targets, labels: values === "labels" };
  };
  const { training, validation } = patchSets(config, pairs("TRAIN"), pairs("VAL"));
  if (training !== undefined) {
    const message = `${training.count} training patches, ${validation?.count ?? 0} for validation.`;
    report({ event: "log", level: "info", message });
  }
  const test = pairs("TEST");
  return {
    training,
    validation,
    test,
    close: async () => {
      for (const set of sets) await set.close();
    },
  };
}

/** Values as they are: a mean of 0 and a deviation of 1 change nothing. */
const AS_STORED: NormalisationSettings = {
  type: "zero_mean_unit_variance",
  custom: { mean: [0], deviation: [1] },
};

/** What the images of each phase are to be turned into. Throws {@link InputError} with the faults of all phases. */
async function findSources(
  task: Pick<Task, "sources">,
  infos: Awaited<ReturnType<typeof inspectFolders>>,
  report: ReportEvent,
): Promise<Partial<Record<Phase, PhaseSources>>> {
  const problems: Problem[] = [];
  const found: Partial<Record<Phase, PhaseSources>> = {};
  for (const phase of ["TRAIN", "VAL", "TEST"] as const) {
    const images = infos[phase];
    if (images === undefined) continue;
    try {
      found[phase] = await task.sources(phase, images, report);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  return found;
}

/** Share of the memory that is free for this process that images may take. */
const MEMORY_SHARE = 1 / 4;

/** Tells of one folder after the other whether its images are to be kept in memory, and reports those that are not. */
function memoryBudget(report: ReportEvent): (phase: Phase, images: readonly ImageInfo[]) => boolean {
  let budget = process.availableMemory() * MEMORY_SHARE;
  return (phase, images) => {
    const total = images.reduce((sum, { shape, sampleType }) => sum + storedBytes(shape, sampleType), 0);
    if (total <= budget) {
      budget -= total;
      return true;
    }
    const message = `The images of DATA.${phase}.PATH (${bytes(total)}) would take too much of the memory: they are read part by part.`;
    report({ event: "log", level: "info", message });
    return false;
  };
}

/** The patches to train on and those for validation, which are of images of their own or a share of the former. */
function patchSets(
  config: Config,
  train: ImagePairs | undefined,
  val: ImagePairs | undefined,
): Pick<RunImages, "training" | "validation"> {
  if (train === undefined) return {};
  const patches = (of: ImagePairs, phase: "TRAIN" | "VAL") =>
    PatchSet.of(of, {
      tiling: tilingSettings(config, phase),
      randomPlaces: phase === "TRAIN" && config.flag("DATA.TRAIN.EXTRACT_RANDOM_PATCH"),
      seed: config.number("SYSTEM.SEED"),
      augmentation: augmentationSteps(config),
    });
  const replicated = (set: PatchSet) => set.repeated(Math.max(config.number("DATA.TRAIN.REPLICATE"), 1));
  const all = patches(train, "TRAIN");
  if (!config.flag("DATA.VAL.FROM_TRAIN"))
    return { training: replicated(all), validation: val && patches(val, "VAL") };
  if (all.count < 2) {
    const message =
      "the images hold a single patch, which leaves none for validation. Add images or make DATA.PATCH_SIZE smaller.";
    throw new InputError([config.problem("DATA.VAL.SPLIT_TRAIN", message)]);
  }
  const share = config.number("DATA.VAL.SPLIT_TRAIN");
  const [training, validation] = all.split(share, config.flag("DATA.VAL.RANDOM"));
  return { training: replicated(training), validation };
}

/** What the folders of all phases hold that are asked for. */
async function inspectFolders(
  config: Config,
  report: ReportEvent,
): Promise<Partial<Record<Phase, readonly ImageInfo[]>>> {
  const demands = {
    patch: patchBox(config),
    channels: channelsOf(config),
    ndim: ndimOf(config),
    reflect: config.flag("DATA.REFLECT_TO_COMPLETE_SHAPE"),
  };
  const phases = (["TRAIN", "VAL", "TEST"] as const).filter((phase) => {
    if (phase === "TEST") return config.flag("TEST.ENABLE");
    return config.flag("TRAIN.ENABLE") && (phase === "TRAIN" || !config.flag("DATA.VAL.FROM_TRAIN"));
  });
  const problems: Problem[] = [];
  const found: Partial<Record<Phase, readonly ImageInfo[]>> = {};
  for (const phase of phases) {
    const key = `DATA.${phase}.PATH` as const;
    try {
      const paths = await listImages(config.text(key));
      const inspected = await inspectImages(paths, demands, openOptions(config, phase), (done) =>
        report({ event: "progress", label: `Checking images of ${key}`, done, total: paths.length }),
      );
      problems.push(...inspected.problems);
      found[phase] = inspected.infos;
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      problems.push(config.problem(key, error.message));
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  return found;
}
