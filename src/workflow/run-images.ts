/** Opens and checks the images of a run and cuts them into patches, before training. */

import { PHASES, type Phase, usedPhases } from "../config/basics.ts";
import { singlePatch } from "../config/checks.ts";
import type { Config } from "../config/config.ts";
import type { PlaceWeights } from "../data/foreground-places.ts";
import { ImageSet, type ImageSetSettings } from "../data/image-set.ts";
import type { NormalizationSettings } from "../data/normalization.ts";
import { type ImagePairs, inspectImages, PatchSet } from "../data/patches.ts";
import { at } from "../facts/checked-lists.ts";
import { bytes } from "../facts/format.ts";
import type { Problem, ReportEvent } from "../facts/run-events.ts";
import { listImages } from "../images/files.ts";
import { ImageError, type ImageInfo, storedBytes } from "../images/image.ts";
import { checkApart } from "../images/inspection-thread.ts";
import { augmentationSteps } from "./augmentation-settings.ts";
import { InputError } from "./input-error.ts";
import { imageDemands, preprocessing } from "./preprocess-settings.ts";
import { magnification } from "./resolution-norm.ts";
import { nameProblem, withResultNames } from "./result-names.ts";
import { filteredPatches, keptTestImages } from "./sample-filters.ts";
import {
  normalizationSettings,
  openOptions,
  patchBox,
  targetNormalization,
  tilingSettings,
} from "./settings.ts";
import type { PhaseSources, Task } from "./tasks/task.ts";

/** The images of a run, cut into patches for training and validation. */
export interface RunImages {
  readonly training?: PatchSet;
  readonly validation?: PatchSet;
  readonly test?: ImagePairs;
  close(): Promise<void>;
}

/** Opens and checks all images of a run. Throws one {@link InputError} with all faults, or the signal's reason when aborted. */
export async function prepareImages(
  config: Config,
  task: Pick<Task, "sources">,
  report: ReportEvent,
  signal?: AbortSignal,
): Promise<RunImages> {
  const sources = await findSources(task, await inspectFolders(config, report, signal), report, signal);
  const sets: ImageSet[] = [];
  const close = async () => {
    for (const set of sets) await set.close();
  };
  try {
    return { ...(await openImages(config, sources, sets, report, signal)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens the images of all phases, and cuts those of the training into patches. Adds every set that it opens to `sets`. */
async function openImages(
  config: Config,
  sources: Partial<Record<Phase, PhaseSources>>,
  sets: ImageSet[],
  report: ReportEvent,
  signal: AbortSignal | undefined,
): Promise<Omit<RunImages, "close">> {
  const fits = memoryBudget(report);
  const pairs = async (phase: Phase): Promise<ImagePairs | undefined> => {
    const found = sources[phase];
    if (found === undefined) return undefined;
    const inMemory = (infos: readonly ImageInfo[]) =>
      config.flag(`DATA.${phase}.IN_MEMORY`) && fits(phase, infos);
    const opened = await openPairs(config, phase, found, inMemory, signal);
    sets.push(opened.images, ...(opened.targets === undefined ? [] : [opened.targets]));
    return opened;
  };
  const trainPairs = await pairs("TRAIN");
  const { training, validation } = await patchSets(config, trainPairs, await pairs("VAL"), report);
  if (training !== undefined) {
    const message = `${training.count} training patches, ${validation?.count ?? 0} for validation.`;
    report({ event: "log", level: "info", message });
  }
  const trains = config.flag("TRAIN.ENABLE");
  const test = async () => {
    if (!config.flag("DATA.TEST.USE_VAL_AS_TEST"))
      return testPairs(config, sets, await pairs("TEST"), report);
    return config.flag("TEST.ENABLE") ? subset(sets, trainPairs, validation?.images ?? []) : undefined;
  };
  return {
    training: trains ? training : undefined,
    validation: trains ? validation : undefined,
    test: await test(),
  };
}

/** Opens a phase's images and their targets. */
async function openPairs(
  config: Config,
  phase: Phase,
  sources: PhaseSources,
  inMemory: (infos: readonly ImageInfo[]) => boolean,
  signal: AbortSignal | undefined,
): Promise<ImagePairs> {
  const open = async (
    infos: readonly ImageInfo[],
    kind: "images" | "targets",
    how: Partial<ImageSetSettings> = {},
  ) =>
    new ImageSet(infos, {
      normalization: normalizationSettings(config),
      inMemory: inMemory(infos),
      preparation: await preprocessing(config, phase, kind),
      threeChannels: config.flag("DATA.FORCE_RGB"),
      completedTo: patchBox(config),
      signal,
      ...how,
    });
  const images = await open(sources.images, "images");
  if (sources.targets === undefined) return { images };
  const { infos, values } = sources.targets;
  const asStored = {
    normalization: AS_STORED,
    threeChannels: values !== "labels" && config.flag("DATA.FORCE_RGB"),
  };
  const normalization = targetNormalization(config);
  const like = normalization === undefined ? { like: images } : { normalization, fixed: true };
  // Predictions are measured against test images as they are, not clipped.
  const trained = values === "like images" && (phase !== "TEST" || normalization === undefined);
  const targets = await open(infos, "targets", trained ? like : asStored);
  return { images, targets, labels: values === "labels" };
}

/** Returns some of a phase's images with their targets as new sets, which are added to `sets`. */
function subset(
  sets: ImageSet[],
  pairs: ImagePairs | undefined,
  indices: readonly number[],
): ImagePairs | undefined {
  if (pairs === undefined) return undefined;
  const images = pairs.images.subset(indices);
  const targets = pairs.targets?.subset(indices);
  sets.push(images, ...(targets === undefined ? [] : [targets]));
  return { ...pairs, images, targets };
}

/** Returns the test images that pass DATA.TEST.FILTER_SAMPLES. */
async function testPairs(
  config: Config,
  sets: ImageSet[],
  pairs: ImagePairs | undefined,
  report: ReportEvent,
): Promise<ImagePairs | undefined> {
  const kept = pairs && (await keptTestImages(config, pairs, report));
  return kept === undefined ? pairs : subset(sets, pairs, kept);
}

/** Values as they are: a mean of 0 and a deviation of 1 change nothing. */
const AS_STORED: NormalizationSettings = {
  type: "zero_mean_unit_variance",
  custom: { mean: [0], deviation: [1] },
};

/** Finds the targets of each phase's images. Throws one {@link InputError} with the faults of all phases. */
async function findSources(
  task: Pick<Task, "sources">,
  infos: Awaited<ReturnType<typeof inspectFolders>>,
  report: ReportEvent,
  signal?: AbortSignal,
): Promise<Partial<Record<Phase, PhaseSources>>> {
  const problems: Problem[] = [];
  const found: Partial<Record<Phase, PhaseSources>> = {};
  for (const phase of PHASES) {
    const images = infos[phase];
    if (images === undefined) continue;
    try {
      found[phase] = await task.sources(phase, images, report, signal);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new InputError(distinct(problems));
  return found;
}

/** Drops repeated problems: phases may share a folder. */
function distinct(problems: readonly Problem[]): Problem[] {
  const same = (one: Problem, other: Problem) =>
    one.file === other.file && one.key === other.key && one.message === other.message;
  return problems.filter((problem, index) => problems.findIndex((each) => same(each, problem)) === index);
}

/** Share of this process's free memory that images may take. */
const MEMORY_SHARE = 1 / 4;

/** Decides for one folder after another whether its images are kept in memory, and reports those that are not. */
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

/** Returns training and validation patches. Validation has separate images or a share of the training patches. */
async function patchSets(
  config: Config,
  train: ImagePairs | undefined,
  val: ImagePairs | undefined,
  report: ReportEvent,
): Promise<Pick<RunImages, "training" | "validation">> {
  if (train === undefined) return {};
  const patches = async (of: ImagePairs, phase: "TRAIN" | "VAL") => {
    const randomPlaces = phase === "TRAIN" && config.flag("DATA.TRAIN.EXTRACT_RANDOM_PATCH");
    if (!randomPlaces) refuseTooManyPatches(config, phase, of.images.infos);
    const all = PatchSet.of(of, {
      tiling: tilingSettings(config, phase),
      randomPlaces,
      seed: config.number("SYSTEM.SEED"),
      augmentation: augmentationSteps(config),
      placeWeights: config.flag("DATA.TRAIN.PROBABILITY_MAP") ? placeWeights(config) : undefined,
      magnification: await magnification(config, phase, of.images.infos, report),
    });
    return filteredPatches(config, phase, all, report);
  };
  const replicated = (set: PatchSet) => set.repeated(Math.max(config.number("DATA.TRAIN.REPLICATE"), 1));
  const all = await patches(train, "TRAIN");
  if (!config.flag("DATA.VAL.FROM_TRAIN"))
    return { training: replicated(all), validation: val && (await patches(val, "VAL")) };
  if (all.count < 2) throw new InputError([singlePatch(config)]);
  const random = config.flag("DATA.VAL.RANDOM");
  const folds = config.number("DATA.VAL.CROSS_VAL_NFOLD");
  const crosses = config.flag("DATA.VAL.CROSS_VAL");
  if (crosses && all.count < folds) {
    const message = `${folds} parts cannot be made of ${all.count} patches.`;
    throw new InputError([config.problem("DATA.VAL.CROSS_VAL_NFOLD", message)]);
  }
  const [training, validation] = crosses
    ? all.fold(config.number("DATA.VAL.CROSS_VAL_FOLD"), folds, random)
    : all.split(config.number("DATA.VAL.SPLIT_TRAIN"), random);
  return { training: replicated(training), validation };
}

const placeWeights = (config: Config): PlaceWeights => ({
  foreground: config.number("DATA.TRAIN.W_FOREGROUND"),
  background: config.number("DATA.TRAIN.W_BACKGROUND"),
});

/** Maximum number of patches of a run: their positions take about half a gigabyte. */
const MOST_PATCHES = 4_000_000;

/** Throws {@link InputError}, naming the largest image: a damaged header may declare any size. */
function refuseTooManyPatches(config: Config, phase: "TRAIN" | "VAL", infos: readonly ImageInfo[]): void {
  const patch = patchBox(config);
  const counts = infos.map(({ shape }) =>
    patch.reduce((product, size, axis) => product * Math.ceil(at(shape, axis) / size), 1),
  );
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= MOST_PATCHES) return;
  const largest = at(infos, counts.indexOf(counts.reduce((most, count) => Math.max(most, count), 0)));
  const message = `its images hold more than ${MOST_PATCHES} patches; the largest, ${largest.path}, has ${largest.shape.join(" x ")} values. Cut out the parts to train on, or make DATA.PATCH_SIZE larger.`;
  throw new InputError([config.problem(`DATA.${phase}.PATH`, message)]);
}

/** Inspects the images of all phases in use. Throws one {@link InputError} with all faults. */
async function inspectFolders(
  config: Config,
  report: ReportEvent,
  signal: AbortSignal | undefined,
): Promise<Partial<Record<Phase, readonly ImageInfo[]>>> {
  const problems: Problem[] = [];
  const found: Partial<Record<Phase, readonly ImageInfo[]>> = {};
  for (const phase of usedPhases(config)) {
    const key = `DATA.${phase}.PATH` as const;
    try {
      const paths = await listImages(config.text(key));
      const progress = (done: number) => {
        report({ event: "progress", label: `Checking images of ${key}`, done, total: paths.length });
        signal?.throwIfAborted();
      };
      const options = openOptions(config, phase);
      const inspected = await inspectImages(
        paths,
        imageDemands(config, phase),
        options,
        progress,
        checkApart,
      );
      problems.push(...inspected.problems);
      const named = withResultNames(inspected.infos, report);
      if (phase === "TEST") problems.push(...named.flatMap((info) => nameProblem(info) ?? []));
      found[phase] = named;
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      problems.push(config.problem(key, error.message));
    }
  }
  if (problems.length > 0) throw new InputError(distinct(problems));
  return found;
}
