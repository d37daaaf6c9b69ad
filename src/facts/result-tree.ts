import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

/** The folder of a job in which this program keeps the records of its runs. */
export const RECORDS = ".biapy-studio";

/** The folder of small pictures of each epoch, in the run's directory. */
export const EPOCH_PICTURES = "epochs";

/** Paths of a run's files, in the tree of BiaPy's documentation. */
export interface ResultTree {
  readonly name: string;
  readonly runId: number;
  /** `<result_dir>/<name>` */
  readonly jobDirectory: string;
  /** `<result_dir>/<name>/results/<name>_<run>` */
  readonly runDirectory: string;
  /** The configuration of the job's newest run. */
  readonly configFile: string;
  /** This run's own copy of its configuration, which later runs of the job do not change. */
  readonly runConfigFile: string;
  /** The folder of the checkpoints of all runs of the job. */
  readonly checkpoints: string;
  readonly bestCheckpoint: string;
  /** The checkpoint from which a stopped run is resumed. */
  readonly lastCheckpoint: string;
  /** Augmented patches (AUGMENTOR.AUG_SAMPLES). */
  readonly aug: string;
  readonly charts: string;
  /** Pictures of masked and reconstructed images. */
  readonly maeChecks: string;
  /** Small pictures, one folder for each epoch. */
  readonly epochPictures: string;
  /** Predictions of images. */
  readonly perImage: string;
  /** Classes of each pixel, of segmentations. */
  readonly perImageBinarized: string;
  /** The same two for images that were predicted in one piece (TEST.FULL_IMG). */
  readonly fullImage: string;
  readonly fullImageBinarized: string;
  /** The table of test metrics, a row for each image. */
  readonly testMetrics: string;
  /** The encoder's features of images, with pictures of them. */
  readonly features: string;
  /** Packages for the BioImage Model Zoo. */
  readonly zooPackages: string;
  /** Pictures of images that are predicted while a model trains. */
  readonly previews: string;
  readonly tensorboard: string;
  readonly trainLogs: string;
  /** The folder of the run's record, events and output. */
  readonly recordFolder: string;
  /** The run's state: see `run-state.ts`. */
  readonly stateFile: string;
  /** The folder to which a fresh start moves the files of an earlier run of this name and number. */
  readonly earlier: string;
}

/** Returns the beginning of the names of a run's checkpoints. */
export const checkpointPrefix = ({ name, runId }: Pick<ResultTree, "name" | "runId">): string =>
  `${name}_${runId}-checkpoint-`;

/** Returns the paths of a run's files. */
export function resultTree(resultDirectory: string, name: string, runId: number): ResultTree {
  const jobDirectory = join(resolve(resultDirectory), name);
  const run = `${name}_${runId}`;
  const runDirectory = join(jobDirectory, "results", run);
  const checkpoints = join(jobDirectory, "checkpoints");
  const checkpoint = join(checkpoints, checkpointPrefix({ name, runId }));
  const recordFolder = join(jobDirectory, RECORDS, run);
  return {
    name,
    runId,
    jobDirectory,
    runDirectory,
    configFile: join(jobDirectory, "config_files", `${name}.yaml`),
    runConfigFile: join(jobDirectory, "config_files", `${run}.yaml`),
    checkpoints,
    bestCheckpoint: `${checkpoint}best.pth`,
    lastCheckpoint: `${checkpoint}last.pth`,
    aug: join(runDirectory, "aug"),
    charts: join(runDirectory, "charts"),
    maeChecks: join(runDirectory, "MAE_checks"),
    epochPictures: join(runDirectory, EPOCH_PICTURES),
    perImage: join(runDirectory, "per_image"),
    perImageBinarized: join(runDirectory, "per_image_binarized"),
    fullImage: join(runDirectory, "full_image"),
    fullImageBinarized: join(runDirectory, "full_image_binarized"),
    testMetrics: join(runDirectory, "test_results_metrics.csv"),
    features: join(runDirectory, "features"),
    zooPackages: join(runDirectory, "BMZ_files"),
    previews: join(runDirectory, "previews"),
    tensorboard: join(runDirectory, "tensorboard"),
    trainLogs: join(runDirectory, "train_logs"),
    recordFolder,
    stateFile: join(recordFolder, "state.json"),
    earlier: join(jobDirectory, "earlier", run),
  };
}

/** Returns the path of the checkpoint after a number of epochs, which is kept permanently. */
export function epochCheckpoint(tree: ResultTree, epochs: number): string {
  return join(tree.checkpoints, `${checkpointPrefix(tree)}${epochs}.pth`);
}

/** Whether there are results of a run of this name and number, which a new one would overwrite. */
export function runExists({ runDirectory, bestCheckpoint }: ResultTree): boolean {
  return existsSync(runDirectory) || existsSync(bestCheckpoint);
}

/** Returns the path of the table of tensors that a run took from the checkpoint that it started from. */
export function startingWeightsPath({ trainLogs, name, runId }: ResultTree): string {
  return join(trainLogs, `${name}_${runId}_starting_weights.csv`);
}
