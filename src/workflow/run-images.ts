/** The images of a run, opened, checked and cut into patches before anything trains. */

import { channelsOf, ndimOf, pretextTask } from "../config/basics.ts";
import type { Config } from "../config/config.ts";
import { ImageSet } from "../data/image-set.ts";
import { type ImagePairs, inspectImages, PatchSet } from "../data/patches.ts";
import { bytes } from "../facts/format.ts";
import type { Problem } from "../facts/run-events.ts";
import { listImages } from "../images/files.ts";
import { ImageError, type ImageInfo, storedBytes } from "../images/image.ts";
import type { ReportEvent } from "../results/reporters.ts";
import { augmentationSteps } from "./augmentation-settings.ts";
import { InputError } from "./input-error.ts";
import { normalisationSettings, openOptions, type Phase, patchBox, tilingSettings } from "./settings.ts";
import { crappifiedImages } from "./tasks/crappified-images.ts";

export interface RunImages {
  readonly training?: PatchSet;
  readonly validation?: PatchSet;
  readonly test?: ImagePairs;
  close(): Promise<void>;
}

/** Opens and checks all images of a run. Throws {@link InputError} with every fault of any of them. */
export async function prepareImages(config: Config, report: ReportEvent): Promise<RunImages> {
  const infos = await inspectFolders(config, report);
  const fits = memoryBudget(report);
  const sets: ImageSet[] = [];
  const pairs = async (phase: Phase): Promise<ImagePairs | undefined> => {
    const found = infos[phase];
    if (found === undefined) return undefined;
    const set = (of: readonly ImageInfo[], like?: ImageSet) => {
      const inMemory = config.flag(`DATA.${phase}.IN_MEMORY`) && fits(phase, of);
      const made = new ImageSet(of, {
        normalisation: normalisationSettings(config),
        inMemory,
        like,
        completedTo: patchBox(config),
      });
      sets.push(made);
      return made;
    };
    if (pretextTask(config) === "masking") return { images: set(found) };
    const images = set(await crappifiedImages(config, phase, found, report));
    return { images, targets: set(found, images) };
  };
  const { training, validation } = patchSets(config, await pairs("TRAIN"), await pairs("VAL"));
  if (training !== undefined) {
    const message = `${training.count} training patches, ${validation?.count ?? 0} for validation.`;
    report({ event: "log", level: "info", message });
  }
  const test = await pairs("TEST");
  return {
    training,
    validation,
    test,
    close: async () => {
      for (const set of sets) await set.close();
    },
  };
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
